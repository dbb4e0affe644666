/** Tasks that are claimed and not started, as they came: whole replies in a row, nothing copied. */
import type { ClaimedTask } from '../task/task.ts'

interface Segment {
  readonly tasks: readonly ClaimedTask[]
  readonly at: number
  next: number
}

/** First in, first out. */
export class Buffer {
  #segments: Segment[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** When the task at the front was claimed. */
  get oldestAt(): number {
    return this.#segments[0]?.at ?? Infinity
  }

  push(tasks: readonly ClaimedTask[], at: number): void {
    if (tasks.length === 0) return
    this.#segments.push({ tasks, at, next: 0 })
    this.#size += tasks.length
  }

  shift(): ClaimedTask | undefined {
    const first = this.#segments[0]
    if (first === undefined) return undefined
    const task = first.tasks[first.next++]
    this.#size -= 1
    if (first.next === first.tasks.length) this.#segments.shift()
    return task
  }

  /** Takes everything out. */
  drain(): ClaimedTask[] {
    const tasks = this.#segments.flatMap((segment) => segment.tasks.slice(segment.next))
    this.#segments = []
    this.#size = 0
    return tasks
  }
}
