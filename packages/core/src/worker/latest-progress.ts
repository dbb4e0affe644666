/**
 * The latest progress of each attempt that reports any, and whose turn it is to be written.
 *
 * Between two writes of one attempt at least a second passes and only the last word is kept. The very last is always
 * due at once: when the attempt ends, and when the worker stops.
 */
import type { CancelTimer, Clock } from '../clock.ts'
import type { ClaimedTask, Progress } from '../task/task.ts'

/** Least time between two writes of one attempt, in milliseconds. */
const PROGRESS_EVERY_MS = 1_000

/** A word and whose it is. */
export interface WaitingProgress {
  readonly task: ClaimedTask
  readonly value: Progress
}

interface Entry {
  value: Progress
  writtenAt: number
  /** Waits for its second to pass. */
  timer: CancelTimer | undefined
  ended: boolean
  /** Told when the last word was written, or could not be. */
  over: (() => void) | undefined
}

/** The progress of one worker's attempts. */
export class LatestProgress {
  readonly #clock: Clock
  readonly #due: () => void
  readonly #entries = new Map<ClaimedTask, Entry>()
  readonly #dirty = new Set<ClaimedTask>()
  /** Attempts whose progress is on its way to the store. */
  readonly #sent = new Set<ClaimedTask>()

  /** @param due Something is to be written now. */
  constructor(clock: Clock, due: () => void) {
    this.#clock = clock
    this.#due = due
  }

  /** Attempts whose progress is to be written now. */
  get size(): number {
    return this.#dirty.size
  }

  set(task: ClaimedTask, value: Progress): void {
    let entry = this.#entries.get(task)
    if (entry === undefined) {
      entry = { value, writtenAt: -Infinity, timer: undefined, ended: false, over: undefined }
      this.#entries.set(task, entry)
    }
    // After its end the store would not take it.
    if (entry.ended) return
    entry.value = value
    if (entry.timer !== undefined || this.#dirty.has(task)) return
    const waitMs = entry.writtenAt + PROGRESS_EVERY_MS - this.#clock.now()
    if (waitMs <= 0) return this.#ready(task, entry)
    entry.timer = this.#clock.after(waitMs, () => this.#ready(task, entry))
  }

  /** The attempt is over. @returns Over when its last word was written, or could not be; undefined when it was already. */
  last(task: ClaimedTask): Promise<void> | undefined {
    const entry = this.#entries.get(task)
    if (entry === undefined) return undefined
    entry.ended = true
    if (entry.timer === undefined && !this.#dirty.has(task) && !this.#sent.has(task)) {
      this.#entries.delete(task)
      return undefined
    }
    const written = new Promise<void>((resolve) => (entry.over = resolve))
    if (entry.timer !== undefined) this.#ready(task, entry)
    return written
  }

  /** Everything is due now. */
  hurry(): void {
    for (const [task, entry] of this.#entries) if (entry.timer !== undefined) this.#ready(task, entry)
  }

  /** Takes what is to be written. */
  take(max: number): readonly WaitingProgress[] {
    const taken: WaitingProgress[] = []
    for (const task of this.#dirty) {
      if (taken.length === max) break
      const entry = this.#entries.get(task)
      this.#dirty.delete(task)
      if (entry === undefined) continue
      taken.push({ task, value: entry.value })
      this.#sent.add(task)
      entry.writtenAt = this.#clock.now()
    }
    return taken
  }

  /** What was taken is stored. */
  written(taken: readonly WaitingProgress[]): void {
    for (const { task } of taken) {
      this.#sent.delete(task)
      this.#release(task)
    }
  }

  /** What was taken is not stored; what has ended does not wait any longer. */
  failed(taken: readonly WaitingProgress[], again: boolean): void {
    for (const { task } of taken) {
      this.#sent.delete(task)
      const entry = this.#entries.get(task)
      if (entry === undefined) continue
      if (entry.ended) this.#forget(task, entry)
      else if (again) this.#ready(task, entry)
    }
  }

  close(): void {
    for (const [task, entry] of this.#entries) this.#forget(task, entry)
  }

  #ready(task: ClaimedTask, entry: Entry): void {
    entry.timer?.()
    entry.timer = undefined
    this.#dirty.add(task)
    this.#due()
  }

  /** A write is over: an attempt that ended is forgotten, unless a newer word is to come. */
  #release(task: ClaimedTask): void {
    const entry = this.#entries.get(task)
    if (entry?.ended === true && !this.#dirty.has(task)) this.#forget(task, entry)
  }

  #forget(task: ClaimedTask, entry: Entry): void {
    entry.timer?.()
    this.#entries.delete(task)
    this.#dirty.delete(task)
    entry.over?.()
  }
}
