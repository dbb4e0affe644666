/** The calls of `start_runs`, `push_steps` and `settle_steps`. */
import type { NewRun, NewTask, Settlement } from '@q/core'
import type { CompiledQuery } from 'kysely'
import type { PushRow, TaskColumns } from '../columns.ts'
import { KEY_TYPES, TASK_TYPES, valuesOf } from '../columns.ts'
import type { FixedQuery } from '../connection/call.ts'
import { callOf } from '../connection/call.ts'
import { LANE_TYPES, laneValues, RUN_TYPES, runValues, STEP_TYPES, stepValues } from '../run-columns.ts'
import type { SettleRow } from '../settle-columns.ts'
import { SETTLEMENT_TYPES, settlementValues } from '../settle-columns.ts'
import type { StepParts } from '../step-parts.ts'
import { PART_TYPES, partValues } from '../step-parts.ts'

/** A run that was not started: its place in the batch, from 1, and the id that exists. Place 0 as in `PushRow`. */
export interface StartRow {
  readonly ord: number
  readonly existing: string
}

/** First steps of runs, and the place (from 1) of the run that each belongs to. */
export interface FirstSteps {
  readonly of: readonly number[]
  readonly tasks: readonly NewTask[]
  readonly columns: TaskColumns
}

const start = callOf<StartRow>('start_runs', 'ord, existing', [...RUN_TYPES, 'int4[]', ...STEP_TYPES, ...LANE_TYPES])
const push = callOf<PushRow>('push_steps', 'ord, existing, outcome', [
  ...TASK_TYPES,
  ...KEY_TYPES,
  'uuid[]',
  'text[]',
  'int4[]',
])
const settle = callOf<SettleRow>('settle_steps', 'ord, answer', [...SETTLEMENT_TYPES, ...PART_TYPES])

/** Starts runs; the rows returned are those that were not started. */
export function startRunsQuery(schema: string, runs: readonly NewRun[], first: FirstSteps): CompiledQuery<StartRow> {
  return start(schema, [
    ...runValues(runs),
    first.of,
    ...stepValues(first.columns, first.tasks),
    ...laneValues(first.columns),
  ])
}

/** Stores tasks of which some are steps; the rows returned are those that were not stored. */
export function pushStepsQuery(
  schema: string,
  columns: TaskColumns,
  tasks: readonly NewTask[],
): CompiledQuery<PushRow> {
  const { keys } = columns
  return push(schema, [
    ...valuesOf(columns),
    keys?.keys ?? null,
    keys?.uniques ?? null,
    keys?.rounds ?? null,
    tasks.map(({ step }) => step?.run ?? null),
    tasks.map(({ step }) => step?.node ?? null),
    tasks.map(({ step }) => step?.index ?? null),
  ])
}

/** Settles tasks with distinct ids, sorted by id, and does what they say to runs. */
export function settleStepsQuery(
  schema: string,
  settlements: readonly Settlement[],
  doneClaims: readonly string[],
  parts: StepParts,
): CompiledQuery<SettleRow> {
  return settle(schema, [...settlementValues(settlements, doneClaims), ...partValues(parts)])
}

/** Which of some runs, or of the joins of runs (in parallel), another transaction has locked. Waits for nobody. */
export const lockedRunsQuery: FixedQuery<{ readonly ids: readonly string[] }> = callOf<{
  readonly ids: readonly string[]
}>('locked_runs', 'locked_runs as ids', ['uuid[]', 'uuid[]', 'uuid[]'])
