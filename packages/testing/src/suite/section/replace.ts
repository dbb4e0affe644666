/** The capability `unique`, where a push may put its own work in the place of what waits. */
import assert from 'node:assert/strict'
import type { NewTask } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { entriesOf, idsOf, sameBytes, sameIds } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { done, failed, HOUR, only, text } from '../sample.ts'

const replacing = only({ otherwise: 'replace' })

export const replaceCases: readonly ConformanceCase[] = section(
  'replacing',
  [
    fact('a waiting task is given what the push brought; its id stays', async (c) => {
      const [first] = await c.push({ unique: only(), metadata: { a: '1' }, maxAttempts: 2, timeoutMs: 1_000 })
      await replaces(c, first!.id, {
        payload: text('new'),
        priority: 3,
        maxAttempts: 7,
        metadata: { b: '2' },
        timeoutMs: 5_000,
        deadline: { afterMs: HOUR },
      })
      const tasks = await (await c.instance()).claim()
      sameIds(tasks, [first!])
      const { payload, priority, maxAttempts, metadata, timeoutMs, deadlineInMs, attempt } = tasks[0]!
      sameBytes(payload.bytes, text('new').bytes, 'payload')
      assert.deepEqual([priority, maxAttempts, timeoutMs, attempt], [3, 7, 5_000, 1])
      assert.deepEqual(entriesOf(metadata), [['b', '2']])
      assert.ok(typeof deadlineInMs === 'number' && deadlineInMs > 0 && deadlineInMs <= HOUR)
    }),
    fact('limits and metadata that the push does not bring are gone', async (c) => {
      const [first] = await c.push({
        unique: only(),
        metadata: { a: '1' },
        maxAttempts: 2,
        timeoutMs: 1_000,
        deadline: { afterMs: HOUR },
      })
      await replaces(c, first!.id, {})
      const { maxAttempts, metadata, timeoutMs = null, deadlineInMs = null } = await (await c.instance()).one()
      assert.deepEqual([maxAttempts, metadata, timeoutMs, deadlineInMs], [null, null, null, null])
    }),
    fact('a task that is due can be put off', async (c) => {
      const [first] = await c.push({ unique: only() })
      await replaces(c, first!.id, { due: { afterMs: c.span } })
      const instance = await c.instance()
      await instance.findsNothing()
      await c.pass(c.span + 1)
      sameIds([await instance.one()], [first!])
    }),
    fact('a task that is not due can be brought forward', async (c) => {
      const [first] = await c.push({ unique: only(), due: { afterMs: HOUR } })
      await replaces(c, first!.id, {})
      sameIds(await (await c.instance()).claim(), [first!])
    }),
    fact('the new priority decides the order', async (c) => {
      const [first, second] = await c.push({ unique: only(), priority: -5 }, {})
      await replaces(c, first!.id, { priority: 5 })
      assert.deepEqual(idsOf(await (await c.instance()).take(2)), [first!.id, second!.id])
    }),
    fact('a task that failed keeps the attempts it had', async (c) => {
      const { task, holder } = await c.claimed({ unique: only() })
      await c.applied(failed(task, { retryAfterMs: HOUR }))
      await replaces(c, task.id, { payload: text('new') })
      const again = await holder.one()
      assert.deepEqual([again.id, again.attempt], [task.id, 2])
      sameBytes(again.payload.bytes, text('new').bytes, 'payload')
    }),
    fact('a task that a worker holds is kept as it is', async (c) => {
      const { task, holder } = await c.claimed({ unique: only(), payload: text('old') })
      await isKept(c, task.id)
      await c.applied(failed(task))
      sameBytes((await holder.one()).payload.bytes, text('old').bytes, 'payload')
    }),
    fact('a task that ended within its window is kept as it is', async (c) => {
      const { task, holder } = await c.claimed({ unique: only({ windowMs: HOUR }) })
      await c.applied(done(task))
      await isKept(c, task.id)
      await holder.findsNothing()
    }),
    fact('a key that nobody holds is taken as by any push', async (c) => {
      const task = c.task({ unique: replacing })
      assert.deepEqual(await c.backend.push([task]), [{ id: task.id, outcome: 'created' }])
      sameIds(await (await c.instance()).claim(), [task])
    }),
    fact('who pushes with keep replaces nothing', async (c) => {
      const [first] = await c.push({ unique: replacing, payload: text('old') })
      const [receipt] = await c.backend.push([c.task({ unique: only(), payload: text('new') })])
      assert.deepEqual(receipt, { id: first!.id, outcome: 'duplicate' })
      sameBytes((await (await c.instance()).one()).payload.bytes, text('old').bytes, 'payload')
    }),
    fact('within one call a later task replaces an earlier one', async (c) => {
      const tasks = ['one', 'two', 'three'].map((work) => c.task({ unique: replacing, payload: text(work) }))
      assert.deepEqual(await c.backend.push(tasks), [
        { id: tasks[0]!.id, outcome: 'created' },
        { id: tasks[0]!.id, outcome: 'replaced' },
        { id: tasks[0]!.id, outcome: 'replaced' },
      ])
      const claimed = await (await c.instance()).claim()
      sameIds(claimed, [tasks[0]!])
      sameBytes(claimed[0]!.payload.bytes, text('three').bytes, 'payload')
    }),
    fact(
      'the window starts anew',
      async (c) => {
        const unique = only({ otherwise: 'replace', windowMs: 60_000 })
        const [first] = await c.push({ unique })
        await c.pass(40_000)
        await replaces(c, first!.id, { unique })
        await c.applied(done(await (await c.instance()).one()))
        await c.pass(40_000)
        await isKept(c, first!.id)
        await c.pass(21_000)
        const next = c.task({ unique })
        assert.deepEqual(await c.backend.push([next]), [{ id: next.id, outcome: 'created' }])
      },
      'advance',
    ),
    fact('a push that replaced and is sent again says so again, whatever became of the task', async (c) => {
      const unique = only({ otherwise: 'replace', while: 'waiting' })
      const [first] = await c.push({ unique, payload: text('old') })
      const push = c.task({ unique, payload: text('new') })
      const said = [{ id: first!.id, outcome: 'replaced' }]
      assert.deepEqual(await c.backend.push([push]), said)
      const [later] = await c.backend.push([c.task({ unique, payload: text('newer') })])
      assert.deepEqual(later, said[0])
      assert.deepEqual(await c.backend.push([push]), said)
      const holder = await c.instance()
      const task = await holder.one()
      sameBytes(task.payload.bytes, text('newer').bytes, 'payload')
      assert.deepEqual(await c.backend.push([push]), said)
      const next = c.task({ unique })
      assert.deepEqual(await c.backend.push([next]), [{ id: next.id, outcome: 'created' }])
      assert.deepEqual(await c.backend.push([push]), said)
      await c.applied(done(task))
      assert.deepEqual(await c.backend.push([push]), said)
      sameIds(await holder.claim(), [next])
    }),
    fact('within one call a push that replaced and comes again changes nothing more', async (c) => {
      const [first] = await c.push({ unique: replacing })
      const [one, two] = ['one', 'two'].map((work) => c.task({ unique: replacing, payload: text(work) }))
      const said = { id: first!.id, outcome: 'replaced' }
      assert.deepEqual(await c.backend.push([one!, two!, one!]), [said, said, said])
      sameBytes((await (await c.instance()).one()).payload.bytes, text('two').bytes, 'payload')
    }),
    fact('of eight pushes at once one creates and seven replace', async (c) => {
      const callers = await c.callers(8)
      const receipts = (
        await Promise.all(callers.map((backend) => backend.push([c.task({ unique: replacing })])))
      ).flat()
      assert.deepEqual(receipts.map(({ outcome }) => outcome).sort(), ['created', ...Array<string>(7).fill('replaced')])
      assert.equal(new Set(idsOf(receipts)).size, 1)
      assert.equal((await (await c.instance()).claim()).length, 1)
    }),
    fact('a push that meets the claim replaces what waits or leaves what is held alone', async (c) => {
      const keys = Array.from({ length: 20 }, (_, n) => `key ${n}`)
      const first = await c.push(...keys.map((key) => ({ unique: only({ key }), payload: text('old') })))
      const [one, two] = await c.callers(2)
      const holder = await c.instance(one)
      const [claimed, receipts] = await Promise.all([
        holder.claim(),
        two!.push(keys.map((key) => c.task({ unique: only({ key, otherwise: 'replace' }), payload: text('new') }))),
      ])
      const tasks = [...claimed, ...(await holder.take(20 - claimed.length))]
      sameIds(tasks, first)
      for (const [n, { outcome }] of receipts.entries()) {
        const { payload } = tasks.find(({ id }) => id === first[n]!.id)!
        sameBytes(payload.bytes, text(outcome === 'replaced' ? 'new' : 'old').bytes, `payload after ${outcome}`)
      }
    }),
    fact(
      'a replacement that is rolled back leaves the task as it was',
      async (c) => {
        const [first] = await c.push({ unique: only(), payload: text('old') })
        await c.transaction(async (tx) => {
          const [receipt] = await c.backend.push([c.task({ unique: replacing, payload: text('new') })], { tx })
          assert.deepEqual(receipt, { id: first!.id, outcome: 'replaced' })
        }, 'rollback')
        sameBytes((await (await c.instance()).one()).payload.bytes, text('old').bytes, 'payload')
      },
      'transaction',
    ),
  ],
  'unique',
)

async function replaces(c: CaseContext, holder: string, more: Partial<NewTask>): Promise<void> {
  const receipts = await c.backend.push([c.task({ unique: replacing, ...more })])
  assert.deepEqual(receipts, [{ id: holder, outcome: 'replaced' }])
}

async function isKept(c: CaseContext, holder: string): Promise<void> {
  const receipts = await c.backend.push([c.task({ unique: replacing, payload: text('new') })])
  assert.deepEqual(receipts, [{ id: holder, outcome: 'duplicate' }])
}
