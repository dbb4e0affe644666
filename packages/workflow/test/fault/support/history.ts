/**
 * What happened, as the database has it: the rows of runs and steps, each with the transaction that wrote it.
 *
 * Rows of `task` and `outcome` are written once, and that of a run last when it ends. So the number of the transaction that
 * wrote a row (`xmin`) proves what the engine promises: a step and the end of the one that led to it are one commit.
 */
import type pg from 'pg'
import type { Expected, Place } from './flow.ts'

/** One step. */
export interface StepRow {
  readonly id: string
  readonly place: Place
  /** Transaction that stored it, and that which ended it; `null`: it has not ended. */
  readonly stored: string
  readonly ended: string | null
  /** 4: done. */
  readonly status: number | null
}

/** One run with its steps. */
export interface RunRow {
  readonly id: string
  readonly parent: string | null
  /** 3: done. */
  readonly status: number
  readonly input: unknown
  readonly output: unknown
  /** Transaction that wrote it last. */
  readonly written: string
  readonly steps: readonly StepRow[]
}

/** All runs of the schema. */
export async function readRuns(pool: pg.Pool, schema: string): Promise<RunRow[]> {
  const { rows: steps } = await pool.query<StepRow & { run: string }>(
    `select t.id, t.run, t.node || '#' || t.index as place, t.xmin::text as stored, o.xmin::text as ended, o.status
       from "${schema}".task t left join "${schema}".outcome o using (id)`,
  )
  const stepsOf = Map.groupBy(steps, ({ run }) => run)
  const { rows } = await pool.query<Omit<RunRow, 'steps' | 'input' | 'output'> & Record<'input' | 'output', string>>(
    `select id, parent_run as parent, status, xmin::text as written, convert_from(input, 'utf8') as input,
            coalesce(convert_from(output, 'utf8'), 'null') as output from "${schema}".run`,
  )
  return rows.map(({ input, output, ...run }) => ({
    ...run,
    input: JSON.parse(input) as unknown,
    output: JSON.parse(output) as unknown,
    steps: stepsOf.get(run.id) ?? [],
  }))
}

/** What is wrong with a run, in words. @param expected Its steps, and what leads to each. */
export function wrongWith(run: RunRow, expected: Expected): string[] {
  const wrong: string[] = []
  const say = (what: string): void => void wrong.push(`run ${run.id}: ${what}`)
  if (run.status !== 3) say(`its status is ${run.status}`)
  const byPlace = new Map(run.steps.map((step) => [step.place, step]))
  if (byPlace.size !== run.steps.length) say('two steps are in one place')
  for (const place of byPlace.keys()) if (!(place in expected)) say(`${place} should not exist`)
  for (const [place, from] of Object.entries(expected) as [Place, readonly Place[]][]) {
    const step = byPlace.get(place)
    if (step === undefined) say(`${place} is missing`)
    else if (step.status !== 4) say(`${place} ended with ${step.status}`)
    const before = from.map((each) => byPlace.get(each))
    if (step === undefined || before.length === 0 || before.includes(undefined)) continue
    if (!before.some((each) => each!.ended === step.stored))
      say(`${place} was not stored with the end of ${from.join(' or ')}`)
  }
  if (!run.steps.some(({ ended }) => ended === run.written)) say('it did not end with one of its steps')
  return wrong
}
