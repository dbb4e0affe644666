/** One task as every read of tasks returns it. */
import type { ErrorRecord, Metadata } from '@q/core'

/** One task in any status. Times are milliseconds since the epoch. */
export interface TaskRow {
  readonly id: string
  readonly queue: string
  readonly priority: number
  /** 0 to 3 in `live`, 4 to 6 in `outcome`. */
  readonly state: number
  readonly attempt: number
  readonly crashes: number
  readonly max_attempts: number | null
  readonly created_at: number
  readonly run_at: number
  readonly finished_at: number | null
  readonly codec: string
  readonly payload: Buffer
  readonly metadata: Metadata | null
  readonly limits: { readonly timeoutMs?: number; readonly deadline?: number } | null
  readonly result_codec: string | null
  readonly result: Buffer | null
  readonly error: ErrorRecord | null
  readonly cancelling: boolean | null
  /** Progress; null when the handler said nothing. */
  readonly done: number | null
  readonly total: number | null
  readonly note: string | null
  /** The step that it is; all null when it is none. */
  readonly run: string | null
  readonly node: string | null
  readonly index: number | null
}
