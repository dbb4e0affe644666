/** Compares what was expected with what the database has, and says so in a table. */
import type { Pool } from 'pg'
import { type Counts, databaseCounts, differences, expectedCounts, sum } from './counts.ts'
import type { QueueInput, QueueName } from './input.ts'
import type { Produced } from './produce.ts'
import { type Screen, table } from './screen.ts'

/** What the run itself saw. */
export interface RunResult {
  readonly produced: ReadonlyMap<QueueName, Produced>
  readonly pushMs: number
  readonly workMs: number
}

const HEADER = ['queue', 'pushed', 'duplicates', 'done', 'killed', 'retried', 'expected', 'database', '']

/** Prints the table; true when every count agrees. */
export async function report(
  screen: Screen,
  pool: Pool,
  schema: string,
  input: readonly QueueInput[],
  result: RunResult,
): Promise<boolean> {
  const expected = expectedCounts(input)
  const found = await databaseCounts(pool, schema)
  const wrong = [...differences(expected, found), ...receiptsWrong(input, result), ...(await ordersWrong(pool, input))]
  const rows = input.map(({ queue }) => row(queue, result.produced.get(queue), expected, found))
  screen.say(table(HEADER, [...rows, totals(rows)]))
  const total = sumAll(found)
  screen.say(
    `\n${total.toLocaleString('en')} tasks: pushed in ${seconds(result.pushMs)}, all ended after ${seconds(result.workMs)}, ${Math.round(total / (result.workMs / 1_000)).toLocaleString('en')} tasks/s (waiting for delays and retries included)`,
  )
  screen.say(
    `Compared: ${expected.size} counts by queue, status, attempts and error, read from the view ${schema}.tasks; receipts; orders and charges.`,
  )
  for (const each of wrong) screen.say(`WRONG  ${each}`)
  screen.say(wrong.length === 0 ? 'ok' : `${wrong.length} counts differ`)
  return wrong.length === 0
}

function row(queue: QueueName, produced: Produced | undefined, expected: Counts, found: Counts): (string | number)[] {
  const all = (counts: Counts): number => sum(counts, queue, () => true)
  return [
    queue,
    produced?.created ?? 0,
    produced?.duplicates ?? 0,
    sum(found, queue, (status) => status === 'done'),
    sum(found, queue, (status) => status === 'killed'),
    sum(found, queue, (_, attempt) => attempt > 1),
    all(expected),
    all(found),
    differences(only(expected, queue), only(found, queue)).length === 0 ? 'ok' : 'WRONG',
  ]
}

function totals(rows: readonly (readonly (string | number)[])[]): (string | number)[] {
  return HEADER.map((_, column) => {
    if (column === 0) return 'all'
    if (column === HEADER.length - 1) return rows.every((each) => each[column] === 'ok') ? 'ok' : 'WRONG'
    return rows.reduce((total, each) => total + Number(each[column]), 0)
  })
}

function receiptsWrong(input: readonly QueueInput[], { produced }: RunResult): string[] {
  return input.flatMap(({ queue, tasks, duplicates, undecodable }) => {
    const got = produced.get(queue)
    const created = tasks.length + undecodable
    return got?.created === created && got.duplicates === duplicates.length
      ? []
      : [
          `${queue} receipts: expected ${created} created and ${duplicates.length} duplicates, got ${got?.created} and ${got?.duplicates}`,
        ]
  })
}

/** Every committed order was charged once, and of those that were rolled back nothing is left. */
async function ordersWrong(pool: Pool, input: readonly QueueInput[]): Promise<string[]> {
  const wanted = input.find(({ queue }) => queue === 'invoices')?.tasks.length ?? 0
  const { rows } = await pool.query<{ orders: number; charges: number; lost: number }>(`
    select (select count(*)::int from q_demo_shop.orders) as orders,
           (select count(*)::int from q_demo_shop.charges) as charges,
           (select count(*)::int from q_demo_shop.orders where id < 0) as lost`)
  const [{ orders, charges, lost } = { orders: -1, charges: -1, lost: -1 }] = rows
  return orders === wanted && charges === wanted && lost === 0
    ? []
    : [
        `orders: expected ${wanted} orders, ${wanted} charges and 0 rolled back, the database has ${orders}, ${charges} and ${lost}`,
      ]
}

function only(counts: Counts, queue: string): Counts {
  return new Map([...counts].filter(([key]) => key.startsWith(`${queue} `)))
}

function sumAll(counts: Counts): number {
  return [...counts.values()].reduce((total, tasks) => total + tasks, 0)
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
