/**
 * The attempts under way, and their time limit.
 *
 * Most attempts of a worker have the same limit, so the order of starting is the order of their ends
 * and one timer for the oldest is enough: a task costs an insertion and a removal, no timer. Only a task with a limit
 * or a deadline of its own has a timer of its own.
 *
 * A list linked through the tasks themselves: a set is rebuilt every few tasks, and its discarded tables, each of which
 * knows the next, would keep tasks of long ago until a full collection.
 */
import type { CancelTimer, Clock } from '../clock.ts'
import type { RunningTask } from './context.ts'

/** In the order of starting, with a time limit. */
export class RunningTasks {
  #first: RunningTask | undefined = undefined
  #last: RunningTask | undefined = undefined
  #size = 0
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #expire: (task: RunningTask) => void
  /** Of tasks with limits of their own. */
  readonly #timers = new Map<RunningTask, CancelTimer>()
  #cancel: CancelTimer | undefined = undefined
  #emptied: (() => void)[] = []

  constructor(clock: Clock, timeoutMs: number, expire: (task: RunningTask) => void) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#expire = expire
  }

  get size(): number {
    return this.#size
  }

  add(task: RunningTask): void {
    task.before = this.#last
    if (this.#last === undefined) this.#first = task
    else this.#last.next = task
    this.#last = task
    this.#size += 1
    const ownMs = task.task.timeoutMs ?? undefined
    if (ownMs !== undefined || task.deadlineAt !== Infinity) return this.#limit(task, ownMs ?? this.#timeoutMs)
    // Left alone when nothing runs any more: fast tasks would otherwise set and clear it all the time.
    if (this.#cancel === undefined) this.#arm(this.#timeoutMs)
  }

  /** @param task One that was added and not deleted since. */
  delete(task: RunningTask): void {
    this.#unlink(task)
    if (this.#timers.size > 0) this.#unlimit(task)
    if (this.#size > 0 || this.#emptied.length === 0) return
    const emptied = this.#emptied
    this.#emptied = []
    for (const resolve of emptied) resolve()
  }

  /** Those that run now, oldest first; without those that end before their turn comes. */
  *[Symbol.iterator](): IterableIterator<RunningTask> {
    const tasks: RunningTask[] = []
    for (let task = this.#first; task !== undefined; task = task.next) tasks.push(task)
    for (const task of tasks) if (!task.ended) yield task
  }

  /** Resolves when nothing runs. */
  whenEmpty(): Promise<void> {
    return this.#size === 0 ? Promise.resolve() : new Promise((resolve) => this.#emptied.push(resolve))
  }

  /** Ends the timer; attempts still under way no longer expire. */
  close(): void {
    this.#cancel?.()
    this.#cancel = undefined
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }

  #unlink(task: RunningTask): void {
    const { before, next } = task
    if (before === undefined) this.#first = next
    else before.next = next
    if (next === undefined) this.#last = before
    else next.before = before
    task.before = undefined
    task.next = undefined
    this.#size -= 1
  }

  #limit(task: RunningTask, timeoutMs: number): void {
    const endsAt = Math.min(task.startedAt + timeoutMs, task.deadlineAt)
    const expire = (): void => {
      this.#timers.delete(task)
      this.#expire(task)
    }
    this.#timers.set(task, this.#clock.after(Math.max(0, endsAt - this.#clock.now()), expire))
  }

  #unlimit(task: RunningTask): void {
    this.#timers.get(task)?.()
    this.#timers.delete(task)
  }

  #arm(ms: number): void {
    this.#cancel = this.#clock.after(ms, () => this.#check())
  }

  #check(): void {
    const now = this.#clock.now()
    // Expiring one frees a slot and may start the next: `#cancel` stays set meanwhile, so that only this arms.
    for (const task of this) {
      if (this.#timers.has(task)) continue
      const left = task.startedAt + this.#timeoutMs - now
      if (left > 0) return this.#arm(left)
      this.#expire(task)
    }
    this.#cancel = undefined
    // Only those are left that started in the slots of the expired.
    if (this.#size > this.#timers.size) this.#arm(this.#timeoutMs)
  }
}
