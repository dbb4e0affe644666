/**
 * Many pushes as few statements: where batches are cut, and errors that say how far a push of many came.
 *
 * Whoever pushes ten thousand items has to know which one was wrong and what is stored already.
 */
import { isQError, QError } from '../error.ts'
import { sentence } from '../show.ts'
import type { NewTask } from '../task/task.ts'

/** Tasks stored by one statement of `pushAll`. */
export const PUSH_BATCH = 1_000
/** A batch is also cut when its payloads reach this many bytes. */
const PUSH_BATCH_BYTES = 8 * 1024 * 1024

/** Tasks that go together. */
export class PushBatch {
  #tasks: NewTask[] = []
  #bytes = 0

  get size(): number {
    return this.#tasks.length
  }

  /** Whether it is time to send them. */
  get full(): boolean {
    return this.#tasks.length >= PUSH_BATCH || this.#bytes >= PUSH_BATCH_BYTES
  }

  add(task: NewTask): void {
    this.#tasks.push(task)
    this.#bytes += task.payload.bytes.byteLength
  }

  /** Takes them out. */
  take(): readonly NewTask[] {
    const tasks = this.#tasks
    this.#tasks = []
    this.#bytes = 0
    return tasks
  }
}

/** How far a push of many came. */
export interface PushProgress {
  /** `pushAll` or what else was called. */
  readonly where: string
  /** Items that the store has taken, of this call. */
  readonly stored: number
  /** They are the caller's to commit. */
  readonly inTransaction: boolean
}

/** The error of an item, with its index and what was stored before it; code and cause tell the rest. */
export function itemError(error: unknown, index: number, progress: PushProgress): unknown {
  if (!isQError(error)) return error
  return new QError(error.code, `${progress.where}: item ${index}: ${sentence(error.message)} ${soFar(progress)}`, {
    cause: error,
  })
}

/** The error of a statement, with what was stored before it. One that failed first says all there is to say. */
export function statementError(error: unknown, progress: PushProgress): unknown {
  if (!isQError(error) || progress.stored === 0) return error
  return new QError(error.code, `${progress.where}: ${sentence(error.message)} ${soFar(progress)}`, { cause: error })
}

function soFar({ stored, inTransaction }: PushProgress): string {
  if (stored === 0) return 'Nothing was stored.'
  const how = inTransaction ? 'pushed into your transaction' : 'stored'
  return `${stored === 1 ? 'The first item was' : `The first ${stored} items were`} ${how}, none after them.`
}
