/** Follow-on tasks: stored if and only if the settlement that carries them is applied. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, rejects, sameBytes, sameIds } from '../check.ts'
import { ALL_KINDS, done, failed, HOUR, progress, text } from '../sample.ts'

export const followCases: readonly ConformanceCase[] = section('follow-on tasks', [
  ...Object.entries(ALL_KINDS).map(([kind, settle]) =>
    fact(`${kind}: what follows is stored with it and can be claimed`, async (c) => {
      const queue = c.newQueue()
      const { task, holder } = await c.claimed()
      const next = c.task({ queue })
      await c.applied(settle(task, { follow: [next] }))
      const followed = await holder.claim(10, queue)
      assert.deepEqual(idsOf(followed), [next.id])
      assert.equal(followed[0]!.attempt, 1)
    }),
  ),
  ...Object.entries(ALL_KINDS).map(([kind, settle]) =>
    fact(`${kind}: what would follow a stale settlement is not stored`, async (c) => {
      const queue = c.newQueue()
      const { task, holder } = await c.claimed()
      await c.expire(holder)
      await c.sweepAll()
      assert.equal(await c.settle(settle(task, { follow: [c.task({ queue })] })), 'stale')
      await (await c.instance()).findsNothing(queue)
    }),
  ),
  fact('a repeated settlement stores nothing more', async (c) => {
    const queue = c.newQueue()
    const { task, holder } = await c.claimed()
    const settlement = done(task, { follow: [c.task({ queue })] })
    await c.applied(settlement)
    assert.equal(await c.settle(settlement), 'already')
    assert.equal(await c.settle(done(task, { follow: [c.task({ queue })] })), 'already')
    assert.equal((await holder.claim(10, queue)).length, 1)
  }),
  fact('what follows comes with everything it was given', async (c) => {
    const queue = c.newQueue()
    const { task, holder } = await c.claimed()
    const next = c.task({ queue, priority: 4, maxAttempts: 2, metadata: { from: task.id }, payload: text('next') })
    await c.applied(done(task, { follow: [next] }))
    const followed = await holder.one(queue)
    assert.deepEqual([followed.priority, followed.maxAttempts, { ...followed.metadata }], [4, 2, { from: task.id }])
    sameBytes(followed.payload.bytes, next.payload.bytes, 'payload')
  }),
  fact('several tasks follow in the order given, each to its own queue and time', async (c) => {
    const [here, there] = [c.newQueue(), c.newQueue()]
    const { task, holder } = await c.claimed()
    const follow = [
      c.task({ queue: here }),
      c.task({ queue: there }),
      c.task({ queue: here }),
      c.task({ queue: here, due: { afterMs: HOUR } }),
    ]
    await c.applied(done(task, { follow }))
    assert.deepEqual(idsOf(await holder.claim(10, here)), [follow[0]!.id, follow[2]!.id])
    assert.deepEqual(idsOf(await holder.claim(10, there)), [follow[1]!.id])
  }),
  fact('a known id is skipped, and the settlement is applied all the same', async (c) => {
    const queue = c.newQueue()
    const [known] = await c.push({ queue, payload: text('first') })
    const { task, holder } = await c.claimed()
    const fresh = c.task({ queue })
    await c.applied(done(task, { follow: [{ ...known!, payload: text('second') }, fresh] }))
    const tasks = await holder.take(2, queue)
    sameIds(tasks, [known!, fresh])
    sameBytes(tasks.find(({ id }) => id === known!.id)?.payload.bytes, text('first').bytes, 'payload')
  }),
  fact('a known key is skipped, even with another payload, and the settlement is applied', async (c) => {
    const queue = c.newQueue()
    const [known] = await c.push({ queue, key: 'k' })
    const { task, holder } = await c.claimed()
    const fresh = c.task({ queue, key: 'l' })
    await c.applied(done(task, { follow: [c.task({ queue, key: 'k', payload: text('other') }), fresh] }))
    sameIds(await holder.claim(10, queue), [known!, fresh])
  }),
  fact('the key of a follow-on task is taken afterwards', async (c) => {
    const queue = c.newQueue()
    const { task } = await c.claimed()
    const next = c.task({ queue, key: 'k', payload: text('work') })
    await c.applied(done(task, { follow: [next] }))
    assert.deepEqual(await c.backend.push([c.task({ queue, key: 'k', payload: text('work') })]), [
      { id: next.id, outcome: 'duplicate' },
    ])
    await rejects('ERR_KEY_CONFLICT', c.backend.push([c.task({ queue, key: 'k', payload: text('other') })]))
  }),
  fact('two settlements of one batch with the same follow-on task store it once', async (c) => {
    const queue = c.newQueue()
    await c.pushed(2)
    const holder = await c.instance()
    const [a, b] = await holder.take(2)
    const next = c.task({ queue })
    await c.applied(done(a!, { follow: [next] }), failed(b!, { follow: [next, c.task({ queue })] }))
    assert.equal((await holder.claim(10, queue)).length, 2)
  }),
  fact('what the first of two settlements may not store, the second may', async (c) => {
    const queue = c.newQueue()
    const { task: lost, holder: dying } = await c.claimed()
    await c.expire(dying)
    await c.sweepAll()
    const other = c.newQueue()
    const { task, holder } = await c.claimed({ queue: other })
    const next = c.task({ queue, key: 'k' })
    const answers = await c.backend.settle([done(lost, { follow: [next] }), done(task, { follow: [next] })])
    assert.deepEqual(answers, ['stale', 'applied'])
    assert.deepEqual(idsOf(await holder.claim(10, queue)), [next.id])
  }),
  fact('in a mixed batch only the applied settlements are followed', async (c) => {
    const queue = c.newQueue()
    await c.pushed(3)
    const holder = await c.instance()
    const [a, b, d] = await holder.take(3)
    await c.applied(done(b!))
    const follow = [c.task({ queue }), c.task({ queue }), c.task({ queue })]
    const batch = [a!, b!, d!].map((task, n) => done(task, { follow: [follow[n]!] }))
    assert.deepEqual(await c.backend.settle(batch), ['applied', 'already', 'applied'])
    sameIds(await holder.claim(10, queue), [follow[0]!, follow[2]!])
  }),
  fact('of eight callers with a follow-on task each, exactly one stores its own', async (c) => {
    const queue = c.newQueue()
    const { task, holder } = await c.claimed()
    const callers = await c.callers(8)
    const follow = callers.map(() => c.task({ queue }))
    const answers = (
      await Promise.all(callers.map((backend, n) => backend.settle([done(task, { follow: [follow[n]!] })])))
    ).flat()
    assert.equal(answers.filter((answer) => answer === 'applied').length, 1)
    assert.deepEqual(idsOf(await holder.claim(10, queue)), [follow[answers.indexOf('applied')]!.id])
  }),
  fact('whoever sees the outcome finds what follows', async (c) => {
    const queue = c.newQueue()
    const { task } = await c.claimed()
    const another = await c.instance()
    const [outcome] = await Promise.all([c.outcome(task.id), c.applied(done(task, { follow: [c.task({ queue })] }))])
    assert.equal(outcome.status, 'done')
    assert.equal((await another.claim(10, queue)).length, 1)
  }),
  fact('a chain of three runs step by step', async (c) => {
    const steps = [c.queue, c.newQueue(), c.newQueue()]
    await c.pushed(1)
    const holder = await c.instance()
    for (const [n, queue] of steps.entries()) {
      const task = await holder.one(queue)
      const next = steps[n + 1]
      for (const later of steps.slice(n + 1)) await holder.findsNothing(later)
      await c.applied(done(task, { follow: next === undefined ? [] : [c.task({ queue: next })] }))
    }
    for (const queue of steps) await holder.findsNothing(queue)
  }),
  fact('progress may be followed more than once', async (c) => {
    const queue = c.newQueue()
    const { task, holder } = await c.claimed()
    const first = progress(task, { follow: [c.task({ queue })] })
    await c.applied(first)
    await c.applied(first)
    await c.applied(progress(task, { follow: [c.task({ queue })] }))
    assert.equal((await holder.claim(10, queue)).length, 2)
  }),
  fact('five hundred tasks may follow one', async (c) => {
    const queue = c.newQueue()
    const { task, holder } = await c.claimed()
    const follow = Array.from({ length: 500 }, () => c.task({ queue }))
    await c.applied(done(task, { follow }))
    assert.deepEqual(idsOf(await holder.claim(1_000, queue)), idsOf(follow))
  }),
])
