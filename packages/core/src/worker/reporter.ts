/**
 * Brings what handlers say to the store: lines and progress, of all tasks of a worker together.
 *
 * At once when idle and in groups while a call is under way, like outcomes; but what is said is worth less than what is
 * done: memory is bounded, the oldest goes first, and nothing that goes wrong here touches a task.
 */
import type { Backend } from '../backend/backend.ts'
import { supports } from '../backend/capability.ts'
import type { LogLevel, NewLogLine, Report, TaskReport } from '../backend/visibility.ts'
import type { Clock } from '../clock.ts'
import { sleep, wallNow } from '../clock.ts'
import { isQError, QError } from '../error.ts'
import type { ClaimedTask, Progress } from '../task/task.ts'
import type { Emitter } from './emitter.ts'
import type { Patience } from './patience.ts'
import { type ProgressUpdate, toProgress } from './progress.ts'
import { LatestProgress, type WaitingProgress } from './latest-progress.ts'
import { LineQueue, type WaitingLine } from './line-queue.ts'
import { type LineSink, toLine } from './task-log.ts'
import { isClosed, isPermanent, troubleBackoff } from './trouble.ts'

/** Lines of one attempt that are kept. */
export const MAX_LINES = 1_000
/** Most lines, and most tasks with progress, of one call. */
export const MAX_REPORTED = 1_000
/** A call without an answer is given up after this. */
const REPORT_MS = 5_000
/** Tries after which what failed with an error without a code of ours is dropped. */
const UNKNOWN_TRIES = 5

/** What a reporter needs of its worker. */
export interface ReporterHost {
  readonly backend: Backend
  readonly clock: Clock
  readonly events: Emitter
  readonly patience: Patience
}

/** The voice of one life. */
export class Reporter implements LineSink {
  readonly #host: ReporterHost
  readonly #store: Report | undefined
  readonly #lines = new LineQueue()
  readonly #progress: LatestProgress
  /** Lines said so far, by attempt; only of those that said something. */
  readonly #said = new WeakMap<ClaimedTask, number>()
  readonly #stop = new AbortController()
  #flushing = false
  #calling = false
  #idle: (() => void)[] = []
  #refused = 0

  constructor(host: ReporterHost) {
    this.#host = host
    this.#store = supports(host.backend, 'report') ? host.backend : undefined
    this.#progress = new LatestProgress(host.clock, () => this.#kick())
  }

  line(task: ClaimedTask, level: LogLevel, message: unknown, fields: unknown): void {
    if (this.#store === undefined && !this.#host.events.active) return
    const said = (this.#said.get(task) ?? 0) + 1
    this.#said.set(task, said)
    if (said <= MAX_LINES) this.#add(task, toLine(task.attempt, level, message, fields, wallNow(this.#host.clock)))
  }

  progress(task: ClaimedTask, update: ProgressUpdate): void {
    const { events } = this.#host
    const progress = toProgress(update)
    if (progress === undefined) {
      const error = new QError(
        'ERR_OPTION',
        `Task ${task.id}: report() takes { done, total?, note? }, numbers of 0 or more.`,
      )
      return events.emit({ type: 'error', where: 'report', error, retryMs: null })
    }
    if (events.active)
      events.emit({ type: 'task-progress', id: task.id, queue: task.queue, attempt: task.attempt, progress })
    if (this.#store !== undefined && !this.#stop.signal.aborted) this.#progress.set(task, progress)
  }

  /**
   * The attempt is over. Says how many of its lines were left out, and writes its last progress.
   * @returns Over when the last progress was written, or could not be; undefined when there is none to write. Its
   *   outcome is to wait for it: afterwards the store takes no more progress of this claim.
   */
  ended(task: ClaimedTask): Promise<void> | undefined {
    const said = this.#said.get(task) ?? 0
    if (said > MAX_LINES) {
      const text = `${said - MAX_LINES} further lines were left out: an attempt keeps ${MAX_LINES}.`
      this.#add(task, toLine(task.attempt, 'warn', text, undefined, wallNow(this.#host.clock)))
    }
    return this.#progress.last(task)
  }

  /** Resolves when everything said so far was written or given up. */
  idle(): Promise<void> {
    this.#progress.hurry()
    return this.#busy ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve()
  }

  /** Gives up what is not written. */
  drop(): void {
    this.#stop.abort()
    this.#refused += this.#lines.clear()
    this.#progress.close()
    this.#tellDropped()
    this.#tellIdle()
  }

  /** Something waits or is on its way. A pause after a failure that left nothing to write is neither. */
  get #busy(): boolean {
    return this.#calling || this.#lines.size > 0 || this.#progress.size > 0
  }

  #add(task: ClaimedTask, line: NewLogLine): void {
    const { events } = this.#host
    if (events.active) events.emit({ type: 'task-log', id: task.id, queue: task.queue, line })
    if (this.#store === undefined || this.#stop.signal.aborted) return
    this.#lines.push(task, line)
    this.#kick()
  }

  #kick(): void {
    if (this.#store === undefined || this.#flushing || this.#stop.signal.aborted) return
    this.#flushing = true
    void this.#flush(this.#store)
  }

  async #flush(store: Report): Promise<void> {
    // A microtask first, so that what is said in one go is written in one call.
    await Promise.resolve()
    let failures = 0
    while (!this.#stop.signal.aborted && (this.#lines.size > 0 || this.#progress.size > 0)) {
      const retryMs = await this.#write(store, failures + 1)
      failures = retryMs === null ? 0 : failures + 1
      this.#tellIdle()
      if (retryMs !== null) await sleep(this.#host.clock, retryMs, this.#stop.signal)
    }
    // In one go with the last look at what waits: nothing is said in between.
    this.#flushing = false
  }

  /** @returns When to try again; `null` when what was taken is written, or given up. */
  async #write(store: Report, attempt: number): Promise<number | null> {
    const { events, patience } = this.#host
    const lines = this.#lines.take(MAX_REPORTED)
    const progress = this.#progress.take(MAX_REPORTED)
    try {
      this.#calling = true
      await patience.call('report', () => store.report(grouped(lines, progress)), undefined, REPORT_MS)
      this.#calling = false
    } catch (error) {
      this.#calling = false
      const again = mayPass(error, attempt)
      const retryMs = again ? troubleBackoff(attempt) : null
      if (again) this.#lines.putBack(lines)
      else this.#refused += lines.length
      this.#progress.failed(progress, again)
      if (isClosed(error)) this.drop()
      else events.emit({ type: 'error', where: 'report', error, retryMs })
      return retryMs
    }
    this.#progress.written(progress)
    this.#tellDropped()
    return null
  }

  #tellIdle(): void {
    if (this.#busy || this.#idle.length === 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }

  #tellDropped(): void {
    const lines = this.#lines.takeDropped() + this.#refused
    this.#refused = 0
    if (lines > 0) this.#host.events.emit({ type: 'log-dropped', lines })
  }
}

/**
 * Whether what was refused may be taken later. If not it is dropped: what is said is not worth a search for the one line
 * that is wrong.
 */
function mayPass(error: unknown, tries: number): boolean {
  return !isPermanent(error) && (isQError(error) || tries < UNKNOWN_TRIES)
}

interface Draft {
  readonly lines: NewLogLine[]
  progress?: Progress
}

/** One report per claim, its lines in order. */
function grouped(lines: readonly WaitingLine[], progress: readonly WaitingProgress[]): TaskReport[] {
  const byTask = new Map<ClaimedTask, Draft>()
  const of = (task: ClaimedTask): Draft => {
    const draft = byTask.get(task) ?? { lines: [] }
    byTask.set(task, draft)
    return draft
  }
  for (const { task, line } of lines) of(task).lines.push(line)
  for (const { task, value } of progress) of(task).progress = value
  return [...byTask].map(([{ id, token }, report]) => ({ id, token, ...report }))
}
