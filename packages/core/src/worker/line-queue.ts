/** Lines on their way to the store, in a bounded amount of memory: when it is full the oldest go. */
import type { NewLogLine } from '../backend/visibility.ts'
import type { ClaimedTask } from '../task/task.ts'

/** Characters of lines that wait at most, of one worker. */
export const MAX_WAITING_CHARS: number = 4 * 1024 * 1024
/** What a line counts for besides its characters. */
const LINE_OVERHEAD = 200

/** A line and whose it is. */
export interface WaitingLine {
  readonly task: ClaimedTask
  readonly line: NewLogLine
}

/** First in, first out. */
export class LineQueue {
  #lines: WaitingLine[] = []
  #head = 0
  #chars = 0
  #dropped = 0

  get size(): number {
    return this.#lines.length - this.#head
  }

  push(task: ClaimedTask, line: NewLogLine): void {
    this.#lines.push({ task, line })
    this.#chars += weight(line)
    this.#shrink()
  }

  /** Takes the oldest out. */
  take(max: number): readonly WaitingLine[] {
    const taken = this.#lines.slice(this.#head, this.#head + max)
    this.#drop(taken.length)
    return taken
  }

  /** Puts what was taken last before the others again. */
  putBack(lines: readonly WaitingLine[]): void {
    this.#lines = [...lines, ...this.#lines.slice(this.#head)]
    this.#head = 0
    for (const { line } of lines) this.#chars += weight(line)
    this.#shrink()
  }

  /** How many had to go since this was asked last. */
  takeDropped(): number {
    const dropped = this.#dropped
    this.#dropped = 0
    return dropped
  }

  /** @returns How many were there. */
  clear(): number {
    const { size } = this
    this.#drop(size)
    return size
  }

  #shrink(): void {
    while (this.#chars > MAX_WAITING_CHARS && this.size > 1) {
      this.#drop(1)
      this.#dropped += 1
    }
  }

  #drop(count: number): void {
    for (let index = this.#head; index < this.#head + count; index++) this.#chars -= weight(this.#lines[index]!.line)
    this.#head += count
    // Cut off now and then, so that a long queue is not copied for each line.
    if (this.#head * 2 < this.#lines.length) return
    this.#lines = this.#lines.slice(this.#head)
    this.#head = 0
  }
}

function weight({ message, fields }: NewLogLine): number {
  return message.length + (fields?.length ?? 0) + LINE_OVERHEAD
}
