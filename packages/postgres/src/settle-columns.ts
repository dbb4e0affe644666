/** Turns settlements into one array per column, as the functions take them. */
import type { Settlement } from '@q/core'
import { fingerprintOf } from '@q/core'
import { buffer, column } from './columns.ts'

/** The numbers that stand for the kinds in `settle`; 4 to 6 are also the statuses in `outcome`. */
const KIND = {
  failed: 3,
  done: 4,
  killed: 5,
  cancelled: 6,
  released: 7,
  deferred: 8,
  progress: 9,
} as const satisfies Record<Settlement['kind'], number>

const LONGEST_RAN_MS = 2 ** 31 - 1

/** Types of the arguments that are the same for all functions that settle, in order. */
export const SETTLEMENT_TYPES: readonly string[] = [
  'uuid[]',
  'int8[]',
  'int2[]',
  'int4[]',
  'float8[]',
  'text[]',
  'bytea[]',
  'jsonb[]',
  'text[]',
  'int8[]',
]

/** The arguments of {@link SETTLEMENT_TYPES}. `doneClaims`: tokens of which nothing is left. */
export function settlementValues(settlements: readonly Settlement[], doneClaims: readonly string[]): unknown[] {
  return [
    settlements.map((s) => s.id),
    settlements.map((s) => s.token),
    settlements.map((s) => KIND[s.kind]),
    column(settlements, ranOf),
    column(settlements, delayOf),
    column(settlements, (s) => (s.kind === 'done' ? (s.result?.codec ?? null) : null)),
    column(settlements, bytesOf),
    column(settlements, errorOf),
    column(settlements, printOf),
    doneClaims,
  ]
}

function ranOf({ ranMs }: Settlement): number | null {
  return ranMs !== undefined && ranMs >= 0 ? Math.min(LONGEST_RAN_MS, Math.round(ranMs)) : null
}

function delayOf(settlement: Settlement): number | null {
  if (settlement.kind === 'failed') return settlement.retryAfterMs
  return settlement.kind === 'deferred' ? settlement.afterMs : null
}

function bytesOf(settlement: Settlement): Buffer | null {
  if (settlement.kind === 'progress') return buffer(settlement.checkpoint)
  return settlement.kind === 'done' && settlement.result !== null ? buffer(settlement.result.bytes) : null
}

function errorOf(settlement: Settlement): string | null {
  return 'error' in settlement && settlement.error !== undefined ? JSON.stringify(settlement.error) : null
}

/** Of attempts that count as failures. */
function printOf(settlement: Settlement): string | null {
  if (settlement.kind !== 'failed' && settlement.kind !== 'killed') return null
  return settlement.error.fingerprint ?? fingerprintOf(settlement.error)
}

/**
 * A settlement that was not applied: its place in the batch, from 1; answer 1 already, 2 stale. Place 0: a lane of a
 * follow-on task is not what this process thinks, nothing was changed.
 */
export interface SettleRow {
  readonly ord: number
  readonly answer: number
}
