/** Counts of ended tasks by how they ended: computed from the input, and read back from the database. */
import type { Pool } from 'pg'
import { type Fate, MAX_ATTEMPTS, type QueueInput } from './input.ts'

/** `queue status attempt error` → tasks. The key is what must agree. */
export type Counts = ReadonlyMap<string, number>

/** How a task of each fate must end: its status, the attempts counted, and the code or message of its error. */
const ENDS: Readonly<Record<Fate, string>> = {
  fine: 'done 1 -',
  flaky: 'done 2 -',
  hopeless: `killed ${MAX_ATTEMPTS} ETIMEDOUT`,
  refused: 'killed 1 ERR_ABORT',
  early: 'done 1 -',
}

/** What the input must come to. */
export function expectedCounts(input: readonly QueueInput[]): Counts {
  const counts = new Map<string, number>()
  const add = (key: string, tasks: number): unknown => counts.set(key, (counts.get(key) ?? 0) + tasks)
  for (const { queue, tasks, undecodable } of input) {
    for (const { args } of tasks) add(`${queue} ${ENDS[args.fate]}`, 1)
    if (undecodable > 0) add(`${queue} killed 1 ERR_DECODE`, undecodable)
  }
  return counts
}

/** What the database says, from the view that anyone can query. */
export async function databaseCounts(pool: Pool, schema: string): Promise<Counts> {
  const { rows } = await pool.query<{ key: string; tasks: number }>(
    `select concat_ws(' ', queue, status, attempt, coalesce(error->>'code', '-')) as key, count(*)::int as tasks
       from ${schema}.tasks
      group by 1`,
  )
  return new Map(rows.map((row) => [row.key, row.tasks]))
}

/** Every key in which the two differ, as sentences. */
export function differences(expected: Counts, found: Counts): string[] {
  return [...new Set([...expected.keys(), ...found.keys()])]
    .sort()
    .filter((key) => expected.get(key) !== found.get(key))
    .map((key) => `${key}: expected ${expected.get(key) ?? 0}, the database has ${found.get(key) ?? 0}`)
}

/** Adds up the tasks of one queue whose key passes. */
export function sum(counts: Counts, queue: string, passes: (status: string, attempt: number) => boolean): number {
  let total = 0
  for (const [key, tasks] of counts) {
    const [of, status = '', attempt] = key.split(' ')
    if (of === queue && passes(status, Number(attempt))) total += tasks
  }
  return total
}
