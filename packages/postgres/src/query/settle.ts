/** The calls of `settle` and, where there are follow-on tasks, `settle_with`. */
import type { Settlement } from '@q/core'
import type { CompiledQuery } from 'kysely'
import type { TaskColumns } from '../columns.ts'
import { KEY_TYPES, TASK_TYPES, valuesOf } from '../columns.ts'
import type { FixedQuery } from '../connection/call.ts'
import { callOf } from '../connection/call.ts'
import type { SettleRow } from '../settle-columns.ts'
import { SETTLEMENT_TYPES, settlementValues } from '../settle-columns.ts'

/** Follow-on tasks, and the place (from 1) of the settlement that each belongs to. */
export interface Follows {
  readonly of: readonly number[]
  readonly tasks: TaskColumns
}

const alone = callOf<SettleRow>('settle', 'ord, answer', SETTLEMENT_TYPES)
const withFollows = callOf<SettleRow>('settle_with', 'ord, answer', [
  ...SETTLEMENT_TYPES,
  'int4[]',
  ...TASK_TYPES,
  ...KEY_TYPES,
])

/** Which of some tasks another transaction has locked: distinct ids, sorted. Waits for nobody. */
export const lockedQuery: FixedQuery<{ readonly ids: readonly string[] }> = callOf<{ readonly ids: readonly string[] }>(
  'locked_live',
  'locked_live as ids',
  ['uuid[]'],
)

/** Settles tasks with distinct ids, sorted by id. `doneClaims`: tokens of which nothing is left. */
export function settleQuery(
  schema: string,
  settlements: readonly Settlement[],
  doneClaims: readonly string[],
  follows: Follows | null,
): CompiledQuery<SettleRow> {
  const head = settlementValues(settlements, doneClaims)
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
