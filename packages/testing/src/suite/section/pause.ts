/** The capability `pause`: a queue that is paused hands nothing out, to nobody, until it is resumed. */
import assert from 'node:assert/strict'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, sameIds } from '../check.ts'
import { ALL_IS_WELL } from '../instance.ts'
import { listen } from '../nudges.ts'
import { done, failed, progress } from '../sample.ts'

export const pauseCases: readonly ConformanceCase[] = section(
  'pause',
  [
    fact('a paused queue hands nothing out and names no due time', async (c) => {
      await c.pushed(3)
      await c.with('pause').pause(c.queue)
      const instance = await c.instance()
      assert.deepEqual(await instance.request({ queue: c.queue, limit: 10 }), { tasks: [], nextDueMs: null })
      await c.with('pause').resume(c.queue)
      assert.equal((await instance.claim()).length, 3)
    }),
    fact('a queue that is resumed hands out what was pushed before and meanwhile, in order', async (c) => {
      const [first] = await c.pushed(1)
      await c.with('pause').pause(c.queue)
      const [second, urgent] = await c.push({}, { priority: 5 })
      const instance = await c.instance()
      await instance.findsNothing()
      await c.with('pause').resume(c.queue)
      assert.deepEqual(idsOf(await instance.claim()), idsOf([urgent!, first!, second!]))
    }),
    fact('a paused queue does not hold up others of the same claim', async (c) => {
      const queue = c.newQueue()
      await c.pushed(2)
      const tasks = await c.pushed(2, { queue })
      await c.with('pause').pause(c.queue)
      const instance = await c.instance()
      const reply = await instance.request({ queue: c.queue, limit: 10 }, { queue, limit: 10 })
      sameIds(reply.tasks, tasks)
    }),
    fact('tasks that are held go on, and wait when they come back', async (c) => {
      await c.pushed(3)
      const holder = await c.instance()
      const [a, b, d] = await holder.take(3)
      await c.with('pause').pause(c.queue)
      await c.applied(progress(a!), done(a!), failed(b!))
      await c.backend.deregister(holder.id)
      assert.equal((await c.outcome(a!.id)).status, 'done')
      const next = await c.instance()
      await c.pass(5)
      await next.findsNothing()
      await c.with('pause').resume(c.queue)
      sameIds(await next.take(2), [b!, d!])
    }),
    fact('tasks of a dead worker are taken back and wait', async (c) => {
      const { task, holder } = await c.claimed()
      await c.with('pause').pause(c.queue)
      await c.expire(holder)
      await c.sweepAll()
      const next = await c.instance()
      await next.findsNothing()
      await c.with('pause').resume(c.queue)
      assert.deepEqual([(await next.one()).id], [task.id])
    }),
    fact('a follow-on task of another queue waits in a paused one', async (c) => {
      const queue = c.newQueue()
      await c.with('pause').pause(queue)
      const { task, holder } = await c.claimed()
      const next = c.task({ queue })
      await c.applied(done(task, { follow: [next] }))
      await holder.findsNothing(queue)
      await c.with('pause').resume(queue)
      sameIds(await holder.claim(10, queue), [next])
    }),
    fact('a quarantined task of a paused queue waits', async (c) => {
      const [task] = await c.pushed(1)
      await c.crash(2)
      await c.with('pause').pause(c.queue)
      const instance = await c.instance()
      await instance.findsNothing()
      await c.with('pause').resume(c.queue)
      sameIds(await instance.claim(), [task!])
    }),
    fact('pausing twice and resuming once resumes', async (c) => {
      const [task] = await c.pushed(1)
      await c.with('pause').pause(c.queue, { by: 'one' })
      await c.with('pause').pause(c.queue, { by: 'two', reason: 'again' })
      await c.with('pause').resume(c.queue)
      sameIds(await (await c.instance()).claim(), [task!])
    }),
    fact('resuming twice, or a queue that was never paused, is fine', async (c) => {
      const [task] = await c.pushed(1)
      await c.with('pause').resume(c.queue)
      await c.with('pause').pause(c.queue)
      await c.with('pause').resume(c.queue)
      await c.with('pause').resume(c.queue)
      await c.with('pause').resume(c.newQueue())
      sameIds(await (await c.instance()).claim(), [task!])
    }),
    fact('a queue can be paused before it has any task', async (c) => {
      await c.with('pause').pause(c.queue)
      const [task] = await c.pushed(1)
      const instance = await c.instance()
      await instance.findsNothing()
      await c.with('pause').resume(c.queue)
      sameIds(await instance.claim(), [task!])
    }),
    fact('a pause is of one queue by its exact name', async (c) => {
      const names = [`${c.queue}x`, c.queue.toUpperCase(), c.queue.slice(0, -1)]
      await c.push(...names.map((queue) => ({ queue })))
      await c.with('pause').pause(c.queue)
      const instance = await c.instance()
      for (const queue of names) assert.equal((await instance.claim(10, queue)).length, 1, queue)
    }),
    fact('a beat names those of the instance’s queues that are paused', async (c) => {
      const [b, other] = [c.newQueue(), c.newQueue()]
      const instance = await c.instance(c.backend, { queues: [c.queue, b] })
      assert.deepEqual(await instance.beat(), ALL_IS_WELL)
      await c.with('pause').pause(b)
      await c.with('pause').pause(other)
      for (const _ of [1, 2]) assert.deepEqual(await instance.beat(), { ...ALL_IS_WELL, paused: [b] })
      await c.with('pause').pause(c.queue)
      assert.deepEqual([...(await instance.beat()).paused].sort(), [c.queue, b].sort())
      await c.with('pause').resume(b)
      await c.with('pause').resume(c.queue)
      assert.deepEqual(await instance.beat(), ALL_IS_WELL)
    }),
    fact('an instance that registers while its queue is paused hears of it with its first beat', async (c) => {
      await c.with('pause').pause(c.queue)
      assert.deepEqual((await (await c.instance()).beat()).paused, [c.queue])
    }),
    fact('a claim that begins after the pause brings nothing, whatever was under way', async (c) => {
      const tasks = await c.pushed(200)
      const instances = await Promise.all((await c.callers(8)).map((backend) => c.instance(backend)))
      const claims = Promise.all(instances.map((instance) => instance.claim(10)))
      await c.with('pause').pause(c.queue)
      const after = (await Promise.all(instances.map((instance) => instance.claim(10)))).flat()
      assert.deepEqual(idsOf(after), [])
      const before = (await claims).flat()
      await c.with('pause').resume(c.queue)
      sameIds([...before, ...(await instances[0]!.take(200 - before.length))], tasks)
    }),
    fact(
      'a pause by another process holds at once',
      async (c) => {
        const second = await c.second()
        const [task] = await c.pushed(1)
        const instance = await c.instance()
        await c.with('pause', second).pause(c.queue)
        await instance.findsNothing()
        assert.deepEqual((await instance.beat()).paused, [c.queue])
        await c.with('pause', second).resume(c.queue)
        sameIds(await instance.claim(), [task!])
      },
      'second',
    ),
    fact(
      'a pause nudges the queue for news, its end for work',
      async (c) => {
        await c.pushed(1)
        await using heard = await listen(c, c.queue)
        await c.with('pause').pause(c.queue)
        await heard.nudged(c.queue, 'news')
        await c.with('pause').resume(c.queue)
        await heard.nudged(c.queue, 'work')
      },
      'wake',
    ),
    fact(
      'who paused, when and why is kept from the first pause until it ends',
      async (c) => {
        const reason = `"it's" \\ $1 {} --\n\u{1f600} ${uuidv7()}`
        const paused = async () =>
          (await c.with('listQueues').listQueues()).find(({ queue }) => queue === c.queue)?.paused
        const now = await c.now()
        await c.with('pause').pause(c.queue, { by: 'ann', reason })
        await c.with('pause').pause(c.queue, { by: 'bob' })
        const info = await paused()
        assert.deepEqual([info?.by, info?.reason], ['ann', reason])
        assert.ok(info !== undefined && info !== null && info.at >= now)
        await c.with('pause').resume(c.queue)
        await c.with('pause').pause(c.queue)
        assert.deepEqual([(await paused())?.by, (await paused())?.reason], [null, null])
        await c.with('pause').resume(c.queue)
      },
      'listQueues',
    ),
  ],
  'pause',
)
