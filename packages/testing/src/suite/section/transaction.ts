/** The caller's own transaction: what is pushed and settled in it happens with it or not at all. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, rejects, sameIds } from '../check.ts'
import { ALL_IS_WELL } from '../instance.ts'
import { done, failed, progress, text } from '../sample.ts'

export const transactionCases: readonly ConformanceCase[] = section(
  'transactions',
  [
    fact('a push is visible after the commit and not before', async (c) => {
      const tasks = [c.task(), c.task()]
      const instance = await c.instance()
      await c.transaction(async (tx) => {
        assert.deepEqual(
          await c.backend.push(tasks, { tx }),
          tasks.map(({ id }) => ({ id, outcome: 'created' })),
        )
        await instance.findsNothing()
      }, 'commit')
      sameIds(await instance.take(2), tasks)
    }),
    fact('a push that is rolled back never was', async (c) => {
      const task = c.task({ key: 'k' })
      await c.transaction(async (tx) => {
        await c.backend.push([task], { tx })
      }, 'rollback')
      await (await c.instance()).findsNothing()
      assert.deepEqual(await c.backend.push([task]), [{ id: task.id, outcome: 'created' }])
    }),
    fact('receipts in a transaction know of duplicates, its own and others', async (c) => {
      const [known] = await c.push({ key: 'k', payload: text('w') })
      await c.transaction(async (tx) => {
        const fresh = c.task({ key: 'l', payload: text('w') })
        const [first] = await c.backend.push([fresh], { tx })
        assert.equal(first!.outcome, 'created')
        const again = [c.task({ key: 'k', payload: text('w') }), c.task({ key: 'l', payload: text('w') })]
        assert.deepEqual(await c.backend.push(again, { tx }), [
          { id: known!.id, outcome: 'duplicate' },
          { id: fresh.id, outcome: 'duplicate' },
        ])
      }, 'commit')
      assert.equal((await (await c.instance()).take(2)).length, 2)
    }),
    fact('an empty push in a transaction is fine', async (c) => {
      await c.transaction(async (tx) => assert.deepEqual(await c.backend.push([], { tx }), []), 'commit')
    }),
    fact('a key conflict in a transaction is named as such', async (c) => {
      await c.push({ key: 'k', payload: text('one') })
      await c.transaction(async (tx) => {
        await rejects('ERR_KEY_CONFLICT', c.backend.push([c.task({ key: 'k', payload: text('two') })], { tx }))
      }, 'rollback')
    }),
    fact('a settlement takes effect with the commit', async (c) => {
      const { task, holder } = await c.claimed()
      await c.transaction(async (tx) => {
        assert.deepEqual(await c.backend.settle([done(task, { result: text('42') })], { tx }), ['applied'])
        await c.assertOpen(task.id)
      }, 'commit')
      assert.equal((await c.outcome(task.id)).status, 'done')
      assert.equal(await c.settle(done(task)), 'already')
      await holder.findsNothing()
    }),
    fact('a settlement that is rolled back leaves the task with its holder', async (c) => {
      const { task, holder } = await c.claimed()
      await c.transaction(async (tx) => {
        await c.backend.settle([done(task)], { tx })
      }, 'rollback')
      await c.assertOpen(task.id)
      assert.deepEqual(await holder.beat([task]), ALL_IS_WELL)
      await c.applied(failed(task))
      assert.equal((await holder.one()).attempt, 2)
    }),
    fact('a stale settlement in a transaction answers stale and does not break it', async (c) => {
      const { task, holder } = await c.claimed()
      await c.expire(holder)
      await c.sweepAll()
      const other = c.task()
      await c.transaction(async (tx) => {
        assert.deepEqual(await c.backend.settle([done(task)], { tx }), ['stale'])
        await c.backend.push([other], { tx })
      }, 'commit')
      sameIds(await (await c.instance()).take(2), [task, other])
    }),
    fact('what follows a settlement is stored with the commit', async (c) => {
      const queue = c.newQueue()
      const { task, holder } = await c.claimed()
      const next = c.task({ queue })
      await c.transaction(async (tx) => {
        await c.backend.settle([done(task, { follow: [next] })], { tx })
        await holder.findsNothing(queue)
      }, 'commit')
      assert.deepEqual(idsOf(await holder.take(1, queue)), [next.id])
    }),
    fact('what follows a settlement that is rolled back is not stored', async (c) => {
      const queue = c.newQueue()
      const { task, holder } = await c.claimed()
      const next = c.task({ queue })
      await c.transaction(async (tx) => {
        await c.backend.settle([done(task, { follow: [next] })], { tx })
      }, 'rollback')
      await holder.findsNothing(queue)
      await c.applied(done(task, { follow: [next] }))
      assert.deepEqual(idsOf(await holder.take(1, queue)), [next.id])
    }),
    fact('pushes and settlements of one transaction happen together', async (c) => {
      const { task, holder } = await c.claimed()
      const pushed = c.task()
      await c.transaction(async (tx) => {
        await c.backend.push([pushed], { tx })
        await c.backend.settle([progress(task)], { tx })
        await c.backend.settle([failed(task)], { tx })
      }, 'commit')
      sameIds(await holder.take(2), [task, pushed])
    }),
    fact('a transaction does not hold up pushes and claims of others', async (c) => {
      const instance = await c.instance()
      const outside = c.task()
      await c.transaction(async (tx) => {
        await c.backend.push([c.task()], { tx })
        await c.backend.push([outside])
        assert.equal((await instance.one()).id, outside.id)
      }, 'commit')
    }),
  ],
  'transaction',
)
