/** The calls of `settle` and, where there are follow-on tasks, `settle_with`. */
import type { Settlement } from '@q/core'
import { fingerprintOf } from '@q/core'
import type { CompiledQuery } from 'kysely'
import type { TaskColumns } from '../columns.ts'
import { buffer, column, KEY_TYPES, TASK_TYPES, valuesOf } from '../columns.ts'
import { callOf } from '../connection/call.ts'

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

/**
 * A settlement that was not applied: its place in the batch, from 1; answer 1 already, 2 stale. Place 0: a lane of a
 * follow-on task is not what this process thinks, nothing was changed.
 */
export interface SettleRow {
  readonly ord: number
  readonly answer: number
}

/** Follow-on tasks, and the place (from 1) of the settlement that each belongs to. */
export interface Follows {
  readonly of: readonly number[]
  readonly tasks: TaskColumns
}

const TYPES = [
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
  'boolean',
]
const alone = callOf<SettleRow>('settle', 'ord, answer', TYPES)
const withFollows = callOf<SettleRow>('settle_with', 'ord, answer', [...TYPES, 'int4[]', ...TASK_TYPES, ...KEY_TYPES])

/** Settles tasks with distinct ids, sorted by id. `doneClaims`: tokens of which nothing is left. */
export function settleQuery(
  schema: string,
  settlements: readonly Settlement[],
  doneClaims: readonly string[],
  follows: Follows | null,
): CompiledQuery<SettleRow> {
  const ending = settlements.filter(ends).length
  const head = [
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
    ending > 0 && ending < settlements.length,
  ]
  if (follows === null) return alone(schema, head)
  const { keys } = follows.tasks
  return withFollows(schema, [
    ...head,
    follows.of,
    ...valuesOf(follows.tasks),
    keys?.keys ?? null,
    keys?.uniques ?? null,
    keys?.rounds ?? null,
  ])
}

function ends({ kind }: Settlement): boolean {
  return kind === 'done' || kind === 'killed' || kind === 'cancelled'
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
