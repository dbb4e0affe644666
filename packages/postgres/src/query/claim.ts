/** The call of the `claim` function. */
import type { CompiledQuery } from 'kysely'
import { callOf } from '../connection/call.ts'

/** One instance asking for one queue. */
export interface ClaimEntry {
  readonly instance: string
  readonly queue: string
  readonly limit: number
}

/** From where to look in a lane, milliseconds since the epoch. */
export type LowBounds = ReadonlyMap<number, number>

/** A claimed task, or (id null) what is to be said of its entry. */
export type ClaimRow =
  | {
      readonly ord: number
      readonly id: string
      readonly token: string
      readonly lane: number
      readonly priority: number
      readonly attempt: number
      readonly crashes: number
      readonly run_at: number
      readonly max_attempts: number | null
      readonly codec: string
      readonly payload: Buffer
      readonly metadata: Record<string, string> | null
      readonly checkpoint: Buffer | null
      readonly timeout_ms: number | null
      readonly deadline_in_ms: number | null
      /** The step that it is; null: none. */
      readonly run: string | null
      readonly node: string | null
      readonly index: number | null
      readonly workflow: string | null
      readonly status: number | null
      readonly cancelling: boolean
    }
  | {
      readonly ord: number
      readonly id: null
      readonly token: string
      readonly run_at: number | null
    }

const claim = callOf<ClaimRow>(
  'claim',
  'ord, id, token, lane, priority, attempt, crashes, run_at, max_attempts, codec, payload, metadata, checkpoint, timeout_ms, deadline_in_ms, run, node, index, workflow, status, cancelling',
  ['uuid[]', 'text[]', 'int4[]', 'int4[]', 'float8[]'],
)

/** Claims for several entries at once; rows come by entry and in claim order. */
export function claimQuery(schema: string, entries: readonly ClaimEntry[], low: LowBounds): CompiledQuery<ClaimRow> {
  return claim(schema, [
    entries.map((entry) => entry.instance),
    entries.map((entry) => entry.queue),
    entries.map((entry) => entry.limit),
    [...low.keys()],
    [...low.values()],
  ])
}
