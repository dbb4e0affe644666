/** Instances and their leases: who may claim, who still holds what, and how an instance leaves. */
import assert from 'node:assert/strict'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, rejects, sameIds } from '../check.ts'
import { ALL_IS_WELL, Instance } from '../instance.ts'
import { done, failed, HOUR, released } from '../sample.ts'

export const leaseCases: readonly ConformanceCase[] = section('leases', [
  fact('an instance that never registered cannot claim, and nothing is claimed', async (c) => {
    await c.pushed(1)
    const stranger = new Instance(uuidv7(), c.backend, c)
    await rejects('ERR_LEASE_LOST', stranger.claim())
    assert.equal((await (await c.instance()).one()).attempt, 1)
  }),
  fact('a claim that is refused does not hurt others sent at the same time', async (c) => {
    const tasks = await c.pushed(2)
    const stranger = new Instance(uuidv7(), c.backend, c)
    const instance = await c.instance()
    const [, got] = await Promise.all([
      rejects('ERR_LEASE_LOST', stranger.claim(1)),
      instance.claim(2),
      rejects('ERR_LEASE_LOST', stranger.claim(1)),
    ])
    sameIds(got, tasks)
  }),
  fact('a beat of a living instance holds the lease and misses nothing', async (c) => {
    await c.pushed(3)
    const instance = await c.instance()
    assert.deepEqual(await instance.beat(), ALL_IS_WELL)
    assert.deepEqual(await instance.beat(await instance.take(3)), ALL_IS_WELL)
  }),
  fact('a beat of an instance that never registered is lost', async (c) => {
    assert.deepEqual(await new Instance(uuidv7(), c.backend, c).beat(), { ...ALL_IS_WELL, lease: 'lost', lost: [] })
  }),
  fact('a beat names those of its tasks that it does not hold any more', async (c) => {
    await c.pushed(4)
    const instance = await c.instance()
    const [kept, back, ended, again] = await instance.take(4)
    await c.applied(released(back!), done(ended!), failed(again!))
    await (await c.instance()).take(2)
    const { lease, lost } = await instance.beat([back!, kept!, ended!, again!])
    assert.equal(lease, 'held')
    assert.deepEqual([...lost].sort(), idsOf([back!, ended!, again!]).sort())
    await c.applied(done(kept!))
  }),
  fact('a beat names tasks that do not exist', async (c) => {
    const { task, holder } = await c.claimed()
    const stranger = { ...task, id: uuidv7() }
    assert.deepEqual(await holder.beat([stranger, task]), { ...ALL_IS_WELL, lost: [stranger.id] })
  }),
  fact('one beat may name a thousand tasks', async (c) => {
    await c.pushed(1_000)
    const instance = await c.instance()
    const tasks = await instance.take(1_000)
    await c.applied(done(tasks[500]!))
    assert.deepEqual(await instance.beat(tasks), { ...ALL_IS_WELL, lost: [tasks[500]!.id] })
  }),
  fact('a beat does not change whose task it is, nor its attempt', async (c) => {
    const { task, holder } = await c.claimed()
    await holder.beat([task])
    await holder.beat([task])
    await holder.findsNothing()
    await c.applied(released(task))
    assert.equal((await holder.one()).attempt, 1)
  }),
  fact('a beat that comes late, but before any sweep, renews the lease', async (c) => {
    const { task, holder } = await c.claimed()
    await c.expire(holder)
    assert.deepEqual(await holder.beat([task]), ALL_IS_WELL)
    assert.deepEqual(await c.sweepAll(), { instances: 0, recovered: 0, killed: 0 })
    await c.applied(done(task))
  }),
  fact(
    'a beat says how long the lease lasts from now on',
    async (c) => {
      const { task, holder } = await c.claimed()
      await c.backend.beat({ instance: holder.id, leaseMs: 1_000, running: [] })
      await c.pass(1_001)
      assert.deepEqual(await c.sweepAll(), { instances: 1, recovered: 1, killed: 0 })
      assert.equal(await c.settle(done(task)), 'stale')
    },
    'advance',
  ),
  fact('an instance that was swept is lost: a beat says so, and names its tasks', async (c) => {
    const { task, holder } = await c.claimed()
    await c.expire(holder)
    await c.sweepAll()
    assert.deepEqual(await holder.beat([task]), { ...ALL_IS_WELL, lease: 'lost', lost: [task.id] })
  }),
  fact('an instance that was swept is not revived by a beat', async (c) => {
    const { holder } = await c.claimed()
    await c.expire(holder)
    await c.sweepAll()
    await holder.beat()
    await rejects('ERR_LEASE_LOST', holder.claim())
    assert.equal((await holder.beat()).lease, 'lost')
  }),
  fact('what was taken from a lost instance does not come back to it', async (c) => {
    const { task, holder } = await c.claimed()
    await c.expire(holder)
    await c.sweepAll()
    const next = await c.instance()
    const current = await next.one()
    assert.deepEqual((await holder.beat([task])).lost, [task.id])
    assert.deepEqual(await next.beat([current]), ALL_IS_WELL)
    await c.applied(done(current))
  }),
  fact('registering again keeps what the instance holds', async (c) => {
    const { task, holder } = await c.claimed()
    await holder.register()
    assert.deepEqual(await holder.beat([task]), ALL_IS_WELL)
    await holder.findsNothing()
    await c.applied(done(task))
  }),
  fact('registering again renews the lease', async (c) => {
    const { task, holder } = await c.claimed()
    await c.expire(holder)
    await holder.register(HOUR)
    assert.deepEqual(await c.sweepAll(), { instances: 0, recovered: 0, killed: 0 })
    await c.applied(done(task))
  }),
  fact('an instance registered twice at once is one instance', async (c) => {
    const instance = await c.instance()
    await Promise.all([instance.register(), instance.register(), instance.register()])
    await c.expire(instance)
    assert.equal((await c.sweepAll()).instances, 1)
  }),
  fact('instances may share a name', async (c) => {
    await c.pushed(2)
    const [a, b] = [await c.instance(), await c.instance()]
    const mine = await a.one()
    const yours = await b.one()
    await c.backend.deregister(a.id)
    assert.deepEqual(await b.beat([yours]), ALL_IS_WELL)
    assert.equal((await b.one()).id, mine.id)
  }),
  fact('an instance may claim queues that it did not name', async (c) => {
    const queue = c.newQueue()
    const [task] = await c.pushed(1, { queue })
    assert.equal((await (await c.instance()).one(queue)).id, task!.id)
  }),
  fact('deregistering gives back at once what the instance held', async (c) => {
    const tasks = await c.pushed(3)
    const leaving = await c.instance()
    const held = await leaving.take(3)
    await c.applied(done(held[1]!))
    await c.backend.deregister(leaving.id)
    const back = await (await c.instance()).take(2)
    assert.deepEqual(idsOf(back), [tasks[0]!.id, tasks[2]!.id])
    assert.deepEqual(
      back.map(({ attempt, crashes }) => [attempt, crashes]),
      [
        [1, 0],
        [1, 0],
      ],
    )
  }),
  fact('deregistering leaves what others hold alone', async (c) => {
    const { task, holder } = await c.claimed()
    await c.backend.deregister((await c.instance()).id)
    assert.deepEqual(await holder.beat([task]), ALL_IS_WELL)
    await c.applied(done(task))
  }),
  fact('an instance that deregistered is lost', async (c) => {
    const instance = await c.instance()
    await c.backend.deregister(instance.id)
    assert.equal((await instance.beat()).lease, 'lost')
    await rejects('ERR_LEASE_LOST', instance.claim())
  }),
  fact('a settlement after deregistering is stale, because the task went back', async (c) => {
    const { task, holder } = await c.claimed()
    await c.backend.deregister(holder.id)
    assert.equal(await c.settle(done(task)), 'stale')
    assert.equal((await (await c.instance()).one()).id, task.id)
  }),
  fact('deregistering twice, or an instance that never was, is fine', async (c) => {
    const instance = await c.instance()
    await c.backend.deregister(instance.id)
    await c.backend.deregister(instance.id)
    await c.backend.deregister(uuidv7())
  }),
])
