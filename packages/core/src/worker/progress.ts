/** What `ctx.report()` takes, made storable. */
import type { Progress } from '../task/task.ts'
import { toText } from './task-log.ts'

/** How far a task is. */
export interface ProgressUpdate {
  /** 0 or more, in units of your own: rows, bytes, percent. */
  readonly done: number
  /** How much there is, if known. `done` may be more: nothing is corrected. */
  readonly total?: number | null
  /** For people; what is longer than 500 characters is cut. */
  readonly note?: string | null
}

const MAX_NOTE_CHARS = 500

/** The update as it is stored; undefined for what is none: `done` and `total` must be numbers, 0 or more. */
export function toProgress(update: unknown): Progress | undefined {
  try {
    const { done, total = null, note = null } = update as Record<keyof ProgressUpdate, unknown>
    if (!isAmount(done) || !(total === null || isAmount(total))) return undefined
    return { done, total, note: typeof note === 'string' ? toText(note, MAX_NOTE_CHARS) : null }
  } catch {
    return undefined
  }
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
