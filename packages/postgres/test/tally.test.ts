/** Counters are exact at any moment, whatever was done to the tasks, by whom, and in which order. */
import type { ClaimedTask, NewTask, Settlement } from '@q/core'
import { bucketOf, uuidv7 } from '@q/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

/** Pseudo-random, the same in each run. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

const counted = `select lane, unfinished, failing, done, killed, cancelled from $schema.lane_count
  where (unfinished, failing, done, killed, cancelled) <> (0, 0, 0, 0, 0) order by lane`
const stored = `select lane, sum(u) as unfinished, sum(f) as failing, sum(d) as done, sum(k) as killed, sum(c) as cancelled from (
    select lane, 1 as u, (state = 3)::int as f, 0 as d, 0 as k, 0 as c from $schema.live
    union all
    select lane, 0, 0, (status = 4)::int, (status = 5)::int, (status = 6)::int from $schema.outcome) as x
  group by lane order by lane`

test('sums of counters equal what is stored after every kind of change', async () => {
  const storage = on.storage<number>()
  const { backend, queue } = storage
  const roll = dice(42)
  const bytes = new TextEncoder().encode('1')
  let pushed: string[] = []
  let held: ClaimedTask[] = []
  let instance = await instanceOf(storage as never)
  const newTask = (): NewTask => ({
    id: uuidv7(),
    queue,
    payload: { codec: 'json', bytes },
    priority: roll(3),
    due: { afterMs: 0 },
    maxAttempts: roll(4) === 0 ? 1 : null,
    key: roll(5) === 0 ? `k${roll(20)}` : null,
    metadata: null,
    ...(roll(3) === 0
      ? { unique: { key: `u${roll(5)}`, while: 'waiting', windowMs: 0, otherwise: roll(2) === 0 ? 'keep' : 'replace' } }
      : {}),
  })
  const error = { name: 'Error', message: 'boom' }
  const settlement = (task: ClaimedTask): Settlement => {
    const base = { id: task.id, token: task.token, ranMs: roll(100) }
    const follow = roll(6) === 0 ? { follow: [newTask()] } : {}
    const kinds: Settlement[] = [
      { ...base, ...follow, kind: 'done', result: null },
      { ...base, ...follow, kind: 'failed', error, retryAfterMs: 0 },
      { ...base, kind: 'killed', error },
      { ...base, kind: 'cancelled' },
      { ...base, kind: 'released' },
      { ...base, kind: 'deferred', afterMs: 0 },
    ]
    return kinds[roll(kinds.length)]!
  }
  const some = (count: number): string[] => Array.from({ length: count }, () => pushed[roll(pushed.length)]!)
  const claim = async (): Promise<void> => {
    const { tasks } = await backend.claim({ instance, queues: [{ queue, limit: 1 + roll(12) }] })
    held.push(...tasks)
  }
  const moves: (() => Promise<unknown>)[] = [
    async () => {
      const receipts = await backend.push(Array.from({ length: 1 + roll(15) }, newTask))
      pushed = [...new Set([...pushed, ...receipts.map(({ id }) => id)])]
    },
    claim,
    claim,
    async () => {
      const batch = held.splice(0, 1 + roll(8))
      await backend.settle([...batch, ...batch.slice(0, 1)].map(settlement))
    },
    () => backend.cancel(some(2)),
    () => backend.resumeById(some(3)),
    () => backend.remove(some(1)),
    () => backend.update(some(1)[0]!, { priority: roll(3) }),
    () => backend.vacuum(queue, { doneMs: 0, ...(roll(2) === 0 ? { cancelledMs: 0 } : {}) }, 3),
    async () => {
      held = []
      if (roll(2) === 0) await backend.deregister(instance)
      else
        await on.rows(
          `update $schema.instance set lease_until = clock_timestamp() - interval '1 second' where id = $1`,
          [instance],
        )
      await backend.sweep()
      instance = await instanceOf(storage as never)
    },
  ]
  await moves[0]!()
  for (let step = 0; step < 400; step++) {
    await moves[roll(moves.length)]!()
    if (step % 10 === 0) expect(await on.rows(counted), `after step ${step}`).toEqual(await on.rows(stored))
  }
  expect(await on.rows(counted)).toEqual(await on.rows(stored))
  expect((await on.rows('select from $schema.live where crashes > 1')).length).toBeGreaterThan(0)
})

test('buckets of histograms are those of bucketOf', async () => {
  const storage = on.storage<number>()
  const instance = await instanceOf(storage as never)
  const spans = [0, 1, 2, 3, 4, 5, 8, 9, 1_000, 1_024, 1_025, 2 ** 22, 2 ** 22 + 1, 2 ** 31 - 1]
  await storage.pushAll(spans.map((_, n) => n))
  const { tasks } = await storage.backend.claim({ instance, queues: [{ queue: storage.queue, limit: spans.length }] })
  await storage.backend.settle(
    tasks.map(({ id, token }, n) => ({ id, token, kind: 'done', result: null, ranMs: spans[n]! })),
  )
  const rows = await on.rows<{ bucket: number; n: string }>(
    `select e & 31 as bucket, sum(e >> 5) as n from $schema.tally t join $schema.lane l on l.id = t.lane, unnest(t.ran) as e
      where l.queue = $1 group by 1 order by 1`,
    [storage.queue],
  )
  const expected = new Map<number, number>()
  for (const span of spans) expected.set(bucketOf(span), (expected.get(bucketOf(span)) ?? 0) + 1)
  expect(rows.map(({ bucket, n }) => [bucket, Number(n)])).toEqual([...expected].sort((a, b) => a[0] - b[0]))
})
