/** The capability `listWorkers`: who works, since when, and when they were last heard of. */
import assert from 'node:assert/strict'
import type { WorkerInfo } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { rejects } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { everyItem } from '../paging.ts'
import { done, failed, HOUR } from '../sample.ts'

export const listWorkersCases: readonly ConformanceCase[] = section(
  'listWorkers',
  [
    fact('a queue that nobody registered for has no workers', async (c) => {
      assert.deepEqual(await workers(c), [])
    }),
    fact('a worker that registered is alive and described as it describes itself', async (c) => {
      const about = { host: `h"o's\\t`, pid: 4_711, version: '1.2.3', concurrency: 10, middlewares: ['retry', 'log'] }
      const other = c.newQueue()
      const before = await c.now()
      const { id } = await c.instance(c.backend, { name: 'mails-1', queues: [c.queue, other], about })
      const { startedAt, lastBeatAt, leaseUntil, queues, ...rest } = await one(c, id)
      assert.deepEqual(rest, {
        instance: id,
        name: 'mails-1',
        state: 'alive',
        command: 'work',
        endedAt: null,
        held: 0,
        about,
      })
      assert.deepEqual([...queues].sort(), [c.queue, other].sort())
      assert.ok(startedAt >= before && lastBeatAt >= startedAt, 'times by the store’s clock')
      assert.ok(Math.abs(leaseUntil - lastBeatAt - HOUR) < 5, `a lease of ${leaseUntil - lastBeatAt} ms`)
    }),
    fact('a worker that says nothing of itself has nothing said of it', async (c) => {
      const { id } = await c.instance()
      assert.deepEqual({ ...(await one(c, id)).about }, {})
    }),
    fact('a worker shows how much it holds, started and not', async (c) => {
      await c.pushed(5)
      const holder = await c.instance()
      const tasks = await holder.take(4)
      assert.equal((await one(c, holder.id)).held, 4)
      await holder.beat(tasks.slice(0, 2))
      await c.applied(done(tasks[0]!), failed(tasks[3]!, { retryAfterMs: HOUR }))
      assert.equal((await one(c, holder.id)).held, 2)
    }),
    fact('a beat shows', async (c) => {
      const instance = await c.instance()
      const before = await one(c, instance.id)
      await c.pass(20)
      await instance.beat()
      const after = await one(c, instance.id)
      assert.equal(after.startedAt, before.startedAt)
      assert.ok(after.lastBeatAt > before.lastBeatAt && after.leaseUntil > before.leaseUntil)
    }),
    fact('a worker whose lease has ended is lost, and alive again after a beat', async (c) => {
      const instance = await c.instance()
      await c.expire(instance)
      await c.pass(5)
      const { state, endedAt } = await one(c, instance.id)
      assert.deepEqual([state, endedAt], ['lost', null])
      await instance.beat()
      assert.equal((await one(c, instance.id)).state, 'alive')
    }),
    fact('a worker that left has ended', async (c) => {
      const { holder } = await c.claimed()
      await c.backend.deregister(holder.id)
      const { state, endedAt, startedAt, held } = await one(c, holder.id)
      assert.deepEqual([state, held], ['ended', 0])
      assert.ok(endedAt !== null && endedAt >= startedAt)
      await c.backend.deregister(holder.id)
      assert.equal((await one(c, holder.id)).endedAt, endedAt)
    }),
    fact('a worker that was swept has ended', async (c) => {
      const { holder } = await c.claimed()
      await c.expire(holder)
      await c.sweepAll()
      const { state, endedAt, held } = await one(c, holder.id)
      assert.deepEqual([state, held], ['ended', 0])
      assert.notEqual(endedAt, null)
    }),
    fact('an instance that never was leaves no trace', async (c) => {
      const id = uuidv7()
      const known = await c.instance()
      await c.backend.deregister(id)
      assert.deepEqual(
        (await workers(c)).map(({ instance }) => instance),
        [known.id],
      )
    }),
    fact('registering again is one worker, not two', async (c) => {
      const instance = await c.instance()
      await Promise.all([instance.register(), instance.register()])
      assert.equal((await workers(c)).length, 1)
    }),
    fact('the living come first, then by their start, the newest first', async (c) => {
      const ids: string[] = []
      for (let n = 0; n < 4; n++) {
        ids.push((await c.instance()).id)
        await c.pass(5)
      }
      await c.backend.deregister(ids[3]!)
      await c.backend.deregister(ids[1]!)
      assert.deepEqual(
        (await workers(c)).map(({ instance }) => instance),
        [ids[2], ids[0], ids[3], ids[1]],
      )
    }),
    fact('pages hold every worker exactly once', async (c) => {
      const instances = await Promise.all(Array.from({ length: 11 }, () => c.instance()))
      for (const { id } of instances.slice(0, 5)) await c.backend.deregister(id)
      const whole = (await workers(c)).map(({ instance }) => instance)
      assert.equal(new Set(whole).size, 11)
      for (const limit of [1, 4, 200])
        assert.deepEqual(
          (await workers(c, limit)).map(({ instance }) => instance),
          whole,
        )
    }),
    fact('a queue lists the workers that registered for it, no queue lists all', async (c) => {
      const other = c.newQueue()
      const [both, mine] = [await c.instance(c.backend, { queues: [other, c.queue] }), await c.instance()]
      const list = c.with('listWorkers')
      const there = await everyItem((page) => list.listWorkers({ queue: other }, page))
      assert.deepEqual(
        there.map(({ instance }) => instance),
        [both.id],
      )
      const everywhere = (await everyItem((page) => list.listWorkers({}, page))).map(({ instance }) => instance)
      for (const { id } of [both, mine]) assert.equal(everywhere.filter((instance) => instance === id).length, 1)
    }),
    fact('a limit out of range and a cursor that no page gave are refused', async (c) => {
      await c.instance()
      for (const page of [{ limit: 0 }, { limit: 201 }, { cursor: 'x' }])
        await rejects('ERR_OPTION', c.with('listWorkers').listWorkers({ queue: c.queue }, page))
    }),
    fact(
      'what a worker is asked to do shows',
      async (c) => {
        const { id } = await c.instance()
        await c.with('commandWorker').commandWorker(id, 'pause')
        assert.equal((await one(c, id)).command, 'pause')
      },
      'commandWorker',
    ),
    fact(
      'workers of another process are listed',
      async (c) => {
        const { id } = await c.instance(await c.second())
        assert.equal((await one(c, id)).state, 'alive')
      },
      'second',
    ),
  ],
  'listWorkers',
)

function workers(c: CaseContext, limit?: number): Promise<WorkerInfo[]> {
  const list = c.with('listWorkers')
  return everyItem((page) => list.listWorkers({ queue: c.queue }, page), limit)
}

async function one(c: CaseContext, id: string): Promise<WorkerInfo> {
  const found = (await workers(c)).filter(({ instance }) => instance === id)
  assert.equal(found.length, 1, `instance ${id} should be listed once`)
  return found[0]!
}
