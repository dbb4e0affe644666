/**
 * What a batch of settlements brings to runs, taken apart into arrays: tasks, arrivals, runs, changes, wishes to listen. Each
 * names its settlement by its place in the batch, from 1.
 */
import type { Arrival, Listen, NewRun, NewTask, RunChange, RunId, Settlement, TaskId } from '@q/core'
import type { TaskColumns } from './columns.ts'
import { buffer, column, KEY_TYPES, taskColumns } from './columns.ts'
import type { Lanes } from './lanes.ts'
import { LANE_TYPES, laneValues, RUN_STATUS, RUN_TYPES, runValues, STEP_TYPES, stepValues } from './run-columns.ts'

type Part<Name extends string, Value> = { readonly of: number; readonly run: RunId } & Readonly<Record<Name, Value>>

/** All parts of a batch. */
export interface StepParts {
  readonly tasks: readonly NewTask[]
  /** For each task the settlement it follows from; 0: it is a join's, -n: it belongs to the n-th run to be started. */
  readonly taskOf: readonly number[]
  /** `null` when there are none. */
  readonly columns: TaskColumns | null
  readonly arrivals: readonly Part<'arrival', Arrival>[]
  readonly starts: readonly Part<'start', NewRun>[]
  readonly changes: readonly Part<'change', RunChange>[]
  readonly listens: readonly Part<'listen', Listen>[]
}

/** Whether a settlement says something of a run. */
export function isOfStep({ run, follow }: Settlement): boolean {
  return run !== undefined || follow?.some(({ step }) => step !== undefined && step !== null) === true
}

/**
 * What a settlement touches that no other may touch in the same statement, and (`shared`) what only others of the same kind
 * may: one statement stores no id twice and changes no run twice.
 */
export function touchedBy({ follow = [], run }: Settlement): { readonly alone: string[]; readonly shared: string[] } {
  const stored = [...follow, ...(run?.start ?? []).flatMap(({ tasks }) => tasks)].map(({ id }) => `task ${id}`)
  const started = (run?.start ?? []).map(({ id }) => `start ${id}`)
  const changed = run?.change === undefined ? [] : [`change ${run.run}`]
  return {
    alone: [...stored, ...started, ...changed],
    shared: (run?.arrive ?? []).map(({ task }) => `task ${task.id}`),
  }
}

/** Takes a batch apart. `again`: what is remembered of lanes was wrong. */
export async function partsOf(batch: readonly Settlement[], lanes: Lanes, again?: 'again'): Promise<StepParts> {
  const arrivals: Part<'arrival', Arrival>[] = []
  const starts: Part<'start', NewRun>[] = []
  const changes: Part<'change', RunChange>[] = []
  const listens: Part<'listen', Listen>[] = []
  const tasks = new Map<TaskId, { readonly task: NewTask; readonly of: number }>()
  const add = (task: NewTask, of: number): void => {
    if (!tasks.has(task.id)) tasks.set(task.id, { task, of })
  }
  for (const [at, { kind, follow = [], run: part }] of batch.entries()) {
    const of = at + 1
    for (const task of follow) add(task, of)
    if (part === undefined) continue
    const { run, arrive = [], start = [], change, listen } = part
    for (const arrival of arrive) arrivals.push({ of, run, arrival })
    const known = new Set<RunId>()
    for (const one of start) {
      if (known.has(one.id)) continue
      known.add(one.id)
      starts.push({ of, run, start: one })
      for (const task of one.tasks) add(task, -starts.length)
    }
    if (change !== undefined) changes.push({ of, run, change })
    if (listen !== undefined && kind === 'deferred') listens.push({ of, run, listen })
  }
  for (const { arrival } of arrivals) add(arrival.task, 0)
  changes.sort((a, b) => (a.run < b.run ? -1 : 1))
  const found = [...tasks.values()]
  const given = found.map(({ task }) => task)
  return {
    tasks: given,
    taskOf: found.map(({ of }) => of),
    columns: given.length === 0 ? null : taskColumns(given, await lanes.of(given, again)),
    arrivals,
    starts,
    changes,
    listens,
  }
}

const TASKS = ['int4[]', ...STEP_TYPES, ...LANE_TYPES, ...KEY_TYPES]
const ARRIVALS = ['int4[]', 'uuid[]', 'uuid[]', 'int4[]', 'int4[]', 'int4[]', 'int4[]', 'int4[]', 'int4[]']
const STARTS = ['int4[]', ...RUN_TYPES]
const CHANGES = ['int4[]', 'uuid[]', 'int2[]', 'int2[]', 'text[]', 'bytea[]', 'jsonb[]', 'int2[]']
const LISTENS = ['int4[]', 'uuid[]', 'jsonb[]', 'float8[]']

/** Types of the arguments that {@link partValues} gives. */
export const PART_TYPES: readonly string[] = [...TASKS, ...ARRIVALS, ...STARTS, ...CHANGES, ...LISTENS]

/** The parts as arguments; those of a kind that nothing is of are null. */
export function partValues(parts: StepParts): unknown[] {
  const { tasks, taskOf, columns, arrivals, starts, changes, listens } = parts
  return [
    ...(columns === null
      ? nothing(TASKS)
      : [
          taskOf,
          ...stepValues(columns, tasks),
          ...laneValues(columns),
          columns.keys?.keys ?? null,
          columns.keys?.uniques ?? null,
          columns.keys?.rounds ?? null,
        ]),
    ...(arrivals.length === 0 ? nothing(ARRIVALS) : arrivalValues(arrivals)),
    ...(starts.length === 0
      ? nothing(STARTS)
      : [starts.map(({ of }) => of), ...runValues(starts.map(({ start }) => start))]),
    ...(changes.length === 0 ? nothing(CHANGES) : changeValues(changes)),
    ...(listens.length === 0
      ? nothing(LISTENS)
      : [
          listens.map(({ of }) => of),
          listens.map(({ run }) => run),
          listens.map(({ listen }) => JSON.stringify(listen.names)),
          column(listens, ({ listen }) => listen.until),
        ]),
  ]
}

function arrivalValues(arrivals: StepParts['arrivals']): unknown[] {
  return [
    arrivals.map(({ of }) => of),
    arrivals.map(({ run }) => run),
    arrivals.map(({ arrival }) => arrival.task.id),
    arrivals.map(({ arrival }) => arrival.arrived),
    arrivals.map(({ arrival }) => arrival.done),
    arrivals.map(({ arrival }) => arrival.failed),
    arrivals.map(({ arrival }) => arrival.opens.arrived),
    column(arrivals, ({ arrival }) => arrival.opens.done ?? null),
    column(arrivals, ({ arrival }) => arrival.opens.failed ?? null),
  ]
}

function changeValues(changes: StepParts['changes']): unknown[] {
  return [
    changes.map(({ of }) => of),
    changes.map(({ run }) => run),
    changes.map(({ change }) => RUN_STATUS[change.status]),
    changes.map(
      ({ change: { output, error, compensation } }) =>
        (output === undefined ? 0 : 1) | (error === undefined ? 0 : 2) | (compensation === undefined ? 0 : 4),
    ),
    column(changes, ({ change: { output } }) => output?.codec ?? null),
    column(changes, ({ change: { output } }) => (output ? buffer(output.bytes) : null)),
    column(changes, ({ change: { error } }) => (error ? JSON.stringify(error) : null)),
    column(changes, ({ change: { compensation } }) => (compensation ? COMPENSATION[compensation] : null)),
  ]
}

const COMPENSATION = { complete: 0, partial: 1 } as const

function nothing(types: readonly string[]): null[] {
  return types.map(() => null)
}
