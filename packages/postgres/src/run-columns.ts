/** Turns runs and their steps into one array per column, as the functions of runs take them. */
import type { NewRun, NewTask, RunStatus } from '@q/core'
import type { TaskColumns } from './columns.ts'
import { buffer, column, TASK_TYPES, valuesOf } from './columns.ts'

/** The numbers that stand for the statuses of runs. */
export const RUN_STATUS: Readonly<Record<RunStatus, number>> = {
  running: 0,
  failing: 1,
  cancelling: 2,
  done: 3,
  failed: 4,
  cancelled: 5,
}

/** The statuses by their numbers. */
export const RUN_STATUSES: readonly RunStatus[] = Object.keys(RUN_STATUS) as RunStatus[]

/** How many of the arguments of a task say what it is; the others say where its queue is. */
const ABOUT_TASK = 9

/** Types of the arguments for tasks that may be steps, in order: those of tasks, and the run, node and index of each. */
export const STEP_TYPES: readonly string[] = [...TASK_TYPES.slice(0, ABOUT_TASK), 'uuid[]', 'text[]', 'int4[]']
/** Types of the arguments that say where queues are. */
export const LANE_TYPES: readonly string[] = TASK_TYPES.slice(ABOUT_TASK)

/** The arguments of {@link STEP_TYPES}. */
export function stepValues(t: TaskColumns, tasks: readonly NewTask[]): unknown[] {
  return [
    ...valuesOf(t).slice(0, ABOUT_TASK),
    column(tasks, ({ step }) => step?.run ?? null),
    column(tasks, ({ step }) => step?.node ?? null),
    column(tasks, ({ step }) => step?.index ?? null),
  ]
}

/** The arguments of {@link LANE_TYPES}. */
export function laneValues({ lanes: { known, queues, priorities, trusted } }: TaskColumns): unknown[] {
  return [known, queues, priorities, trusted]
}

/** Types of the arguments for runs, in order. */
export const RUN_TYPES: readonly string[] = [
  'uuid[]',
  'text[]',
  'text[]',
  'text[]',
  'text[]',
  'text[]',
  'bytea[]',
  'text[]',
  'jsonb[]',
  'uuid[]',
  'uuid[]',
  'float8[]',
  'float8[]',
]

/** The arguments of {@link RUN_TYPES}. */
export function runValues(runs: readonly NewRun[]): unknown[] {
  return [
    runs.map(({ id }) => id),
    runs.map(({ queue }) => queue),
    runs.map(({ workflow }) => workflow),
    column(runs, ({ version }) => version),
    runs.map(({ hash }) => hash),
    runs.map(({ input }) => input.codec),
    runs.map(({ input }) => buffer(input.bytes)),
    column(runs, ({ key }) => key),
    column(runs, ({ metadata }) => (metadata === null ? null : JSON.stringify(metadata))),
    column(runs, ({ parent }) => parent?.run ?? null),
    column(runs, ({ parent }) => parent?.task ?? null),
    column(runs, ({ deadline }) => (deadline !== null && 'at' in deadline ? deadline.at : null)),
    column(runs, ({ deadline }) => (deadline !== null && 'afterMs' in deadline ? deadline.afterMs : null)),
  ]
}
