/** The capability `listQueues`: each queue at a glance. */
import assert from 'node:assert/strict'
import type { QueueInfo } from '@q/core'
import { STATUSES } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import type { CaseContext } from '../context.ts'
import { MOVES } from '../moves.ts'
import { done, HOUR, killed } from '../sample.ts'

export const listQueuesCases: readonly ConformanceCase[] = section(
  'listQueues',
  [
    fact('a queue is listed from its first task on', async (c) => {
      const before = await c.with('listQueues').listQueues()
      assert.equal(
        before.some(({ queue }) => queue === c.queue),
        false,
      )
      await c.pushed(1)
      const { queue, paused, workers } = await info(c)
      assert.deepEqual([queue, paused, workers], [c.queue, null, 0])
    }),
    ...MOVES.map(({ name, run, needs }) =>
      fact(
        `after ${name} the queue shows how many there are of each status`,
        async (c) => {
          const { counts } = await run(c)
          const expected = Object.fromEntries(
            [...STATUSES, 'scheduled' as const].map((status) => [status, counts[status] ?? 0]),
          )
          assert.deepEqual({ ...(await info(c)).counts }, expected)
        },
        ...needs,
      ),
    ),
    fact('queues come by name, each once', async (c) => {
      const names = ['c', 'a', 'b', 'B', '_'].map((letter) => c.newQueue(letter))
      await c.push(...names.map((queue) => ({ queue })), ...names.map((queue) => ({ queue, priority: 5 })))
      const listed = (await c.with('listQueues').listQueues()).map(({ queue }) => queue)
      assert.deepEqual(listed, [...new Set(listed)].sort())
      assert.equal(listed.filter((queue) => names.includes(queue)).length, names.length)
    }),
    fact('one queue alone is told as it is among all, and nothing of one that never was', async (c) => {
      await c.pushed(2)
      await c.push({ queue: c.newQueue() })
      await c.instance()
      const store = c.with('listQueues')
      const [one, ...others] = await store.listQueues({ queue: c.queue })
      assert.equal(others.length, 0)
      // How long the oldest has been due changes between two calls.
      const { oldestDueMs: now, ...alone } = one!
      const { oldestDueMs: then, ...among } = await info(c)
      assert.deepEqual(alone, among)
      assert.ok(now !== null && then !== null)
      assert.deepEqual(await store.listQueues({ queue: c.newQueue() }), [])
    }),
    fact('living workers are counted for the queues they registered for', async (c) => {
      const other = c.newQueue()
      await c.push({}, { queue: other })
      const [a] = [
        await c.instance(),
        await c.instance(c.backend, { queues: [c.queue, other] }),
        await c.instance(c.backend, { queues: [other] }),
      ]
      const doomed = await c.instance()
      assert.deepEqual([(await info(c)).workers, (await info(c, other)).workers], [3, 2])
      await c.backend.deregister(a.id)
      await c.expire(doomed)
      await c.sweepAll()
      assert.deepEqual([(await info(c)).workers, (await info(c, other)).workers], [1, 2])
    }),
    fact('the longest waiting due task tells how far behind the queue is', async (c) => {
      await c.push({ due: { afterMs: HOUR } })
      assert.equal((await info(c)).oldestDueMs, null)
      await c.pushed(1, { priority: -3 })
      await c.pass(c.span)
      await c.pushed(1, { priority: 3 })
      const { oldestDueMs } = await info(c)
      assert.ok(oldestDueMs !== null && oldestDueMs >= c.span - 20, `${oldestDueMs} ms`)
      await (await c.instance()).take(2)
      assert.equal((await info(c)).oldestDueMs, null)
    }),
    fact('the last seven days show how many tasks ended', async (c) => {
      await c.pushed(3)
      assert.deepEqual((await info(c)).activity, [0, 0, 0, 0, 0, 0, 0])
      const [a, b] = await (await c.instance()).take(2)
      await c.applied(done(a!), killed(b!))
      const { activity } = await info(c)
      assert.equal(activity.length, 7)
      // Midnight may have passed since.
      assert.equal(activity[5]! + activity[6]!, 2)
    }),
    fact(
      'a queue is listed that has a pause and no task',
      async (c) => {
        await c.with('pause').pause(c.queue, { by: 'ann' })
        assert.equal((await info(c)).paused?.by, 'ann')
        await c.with('pause').resume(c.queue)
      },
      'pause',
    ),
    fact(
      'a queue whose tasks were all removed is still listed, with none',
      async (c) => {
        const [task] = await c.pushed(1)
        await c.with('remove').remove([task!.id])
        const { counts } = await info(c)
        assert.deepEqual(new Set(Object.values(counts)), new Set([0]))
      },
      'remove',
    ),
    fact(
      'another process sees the same',
      async (c) => {
        await c.pushed(2)
        const listed = await c.with('listQueues', await c.second()).listQueues()
        assert.equal(listed.find(({ queue }) => queue === c.queue)?.counts.pending, 2)
      },
      'second',
    ),
  ],
  'listQueues',
)

async function info(c: CaseContext, queue: string = c.queue): Promise<QueueInfo> {
  const found = (await c.with('listQueues').listQueues()).find((one) => one.queue === queue)
  assert.ok(found, `queue ${queue} should be listed`)
  return found
}
