/** The capability `wake`: hints that a queue may have work. They may be late or for nothing, but they come. */
import assert from 'node:assert/strict'
import { required } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { listen } from '../nudges.ts'
import { deferred, done, failed, released } from '../sample.ts'

export const wakeCases: readonly ConformanceCase[] = section(
  'wake',
  [
    fact('a push nudges its queue', async (c) => {
      await using heard = await listen(c, c.queue)
      await c.pushed(1)
      await heard.nudged(c.queue)
    }),
    fact('a nudge says that there may be work', async (c) => {
      await using heard = await listen(c, c.queue)
      await c.pushed(1)
      await heard.nudged(c.queue, 'work')
    }),
    fact(
      'a push by another process nudges too',
      async (c) => {
        await using heard = await listen(c, c.queue)
        await (await c.second()).push([c.task()])
        await heard.nudged(c.queue)
      },
      'second',
    ),
    fact('every queue of a subscription is named when it has work', async (c) => {
      const other = c.newQueue()
      await using heard = await listen(c, c.queue, other)
      await c.pushed(1, { queue: other })
      await heard.nudged(other)
      await c.pushed(1)
      await heard.nudged(c.queue)
    }),
    fact('only queues of the subscription are named', async (c) => {
      await using heard = await listen(c, c.queue)
      await c.pushed(1, { queue: c.newQueue() })
      await c.pushed(1)
      await heard.nudged(c.queue)
      assert.deepEqual(new Set(heard.all), new Set([c.queue]))
    }),
    fact('all subscribers of a queue are nudged', async (c) => {
      await using one = await listen(c, c.queue)
      await using two = await listen(c, c.queue)
      await c.pushed(1)
      await one.nudged(c.queue)
      await two.nudged(c.queue)
    }),
    fact('a follow-on task nudges its queue', async (c) => {
      const queue = c.newQueue()
      const { task } = await c.claimed()
      await using heard = await listen(c, queue)
      await c.applied(done(task, { follow: [c.task({ queue })] }))
      await heard.nudged(queue)
    }),
    ...Object.entries({ released, failed, deferred }).map(([kind, settle]) =>
      fact(`a task that comes back as ${kind} and is due nudges its queue`, async (c) => {
        const { task } = await c.claimed()
        await using heard = await listen(c, c.queue)
        await c.applied(settle(task))
        await heard.nudged(c.queue)
      }),
    ),
    fact('the tasks of an instance that leaves nudge their queue', async (c) => {
      const { holder } = await c.claimed()
      await using heard = await listen(c, c.queue)
      await c.backend.deregister(holder.id)
      await heard.nudged(c.queue)
    }),
    fact('the tasks that a sweep takes back nudge their queue', async (c) => {
      const { holder } = await c.claimed()
      await c.expire(holder)
      await using heard = await listen(c, c.queue)
      await c.sweepAll()
      await heard.nudged(c.queue)
    }),
    fact('after the end of a subscription there are no more nudges', async (c) => {
      const heard = await listen(c, c.queue)
      await heard[Symbol.asyncDispose]()
      heard.all.length = 0
      await using other = await listen(c, c.queue)
      await c.pushed(1)
      await other.nudged(c.queue)
      assert.deepEqual(heard.all, [])
    }),
    fact('ending a subscription twice is fine', async (c) => {
      const end = await required(c.backend, 'wake').wake([c.queue], () => undefined)
      end()
      end()
    }),
    fact('a subscriber that throws hurts neither the push nor other subscribers', async (c) => {
      const end = await required(c.backend, 'wake').wake([c.queue], () => {
        throw new Error('from the subscriber')
      })
      await using heard = await listen(c, c.queue)
      assert.equal((await c.backend.push([c.task()]))[0]!.outcome, 'created')
      await heard.nudged(c.queue)
      end()
    }),
  ],
  'wake',
)
