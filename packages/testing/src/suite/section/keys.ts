/** Idempotency keys: one key of one queue is one task, for ever. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, rejects, sameBytes, sameIds, started } from '../check.ts'
import { done, FINAL_KINDS, HOUR, text } from '../sample.ts'

const payload = text('the same work')
const other = text('other work')

export const keyCases: readonly ConformanceCase[] = section('keys', [
  fact('a repeated key stores nothing and names the task that has it', async (c) => {
    const [first] = await c.push({ key: 'k', payload })
    const receipts = await c.backend.push([c.task({ key: 'k', payload })])
    assert.deepEqual(receipts, [{ id: first!.id, outcome: 'duplicate' }])
    assert.deepEqual(idsOf(await (await c.instance()).claim()), [first!.id])
  }),
  fact('a repeated key changes neither priority nor time of the task that has it', async (c) => {
    await c.push({ key: 'k', payload })
    await c.push({ key: 'k', payload, priority: 9, due: { afterMs: HOUR } })
    assert.equal((await (await c.instance()).one()).priority, 0)
  }),
  fact('a key counts in its own queue only', async (c) => {
    const queue = c.newQueue()
    const [here] = await c.push({ key: 'k', payload })
    const there = c.task({ key: 'k', payload: other, queue })
    assert.deepEqual(await c.backend.push([there]), [{ id: there.id, outcome: 'created' }])
    const instance = await c.instance()
    assert.deepEqual(idsOf(await instance.claim()), [here!.id])
    assert.deepEqual(idsOf(await instance.claim(10, queue)), [there.id])
  }),
  fact('a key with another payload is a conflict and leaves the first task alone', async (c) => {
    const [first] = await c.push({ key: 'k', payload })
    await rejects('ERR_KEY_CONFLICT', c.backend.push([c.task({ key: 'k', payload: other })]))
    const tasks = await (await c.instance()).claim()
    assert.deepEqual(idsOf(tasks), [first!.id])
    sameBytes(tasks[0]!.payload.bytes, payload.bytes, 'payload')
  }),
  fact('a conflict anywhere in a call stores none of its tasks', async (c) => {
    const [first] = await c.push({ key: 'taken', payload })
    const tasks = [c.task(), c.task({ key: 'taken', payload: other }), c.task()]
    await rejects('ERR_KEY_CONFLICT', c.backend.push(tasks))
    assert.deepEqual(idsOf(await (await c.instance()).claim()), [first!.id])
  }),
  fact('the ids and keys of a refused call are free afterwards', async (c) => {
    await c.push({ key: 'taken', payload })
    const tasks = [c.task({ key: 'new', payload }), c.task({ key: 'taken', payload: other })]
    await rejects('ERR_KEY_CONFLICT', c.backend.push(tasks))
    const again = [c.task({ key: 'new', payload: other }), c.task({ id: tasks[0]!.id })]
    assert.deepEqual(
      (await c.backend.push(again)).map(({ outcome }) => outcome),
      ['created', 'created'],
    )
  }),
  fact('within one call the first task with a key wins', async (c) => {
    const tasks = [c.task({ key: 'k', payload }), c.task({ key: 'k', payload }), c.task({ key: 'l', payload })]
    assert.deepEqual(await c.backend.push(tasks), [
      { id: tasks[0]!.id, outcome: 'created' },
      { id: tasks[0]!.id, outcome: 'duplicate' },
      { id: tasks[2]!.id, outcome: 'created' },
    ])
    sameIds(await (await c.instance()).claim(), [tasks[0]!, tasks[2]!])
  }),
  fact('one key with two payloads within one call is a conflict and stores nothing', async (c) => {
    const tasks = [c.task({ key: 'k', payload }), c.task({ key: 'k', payload: other })]
    await rejects('ERR_KEY_CONFLICT', c.backend.push(tasks))
    await (await c.instance()).findsNothing()
  }),
  ...Object.entries(FINAL_KINDS).map(([kind, settle]) =>
    fact(`a key stays taken after its task is ${kind}`, async (c) => {
      const { task, holder } = await c.claimed({ key: 'k', payload })
      await c.applied(settle(task))
      const again = await c.backend.push([c.task({ key: 'k', payload })])
      assert.deepEqual(again, [{ id: task.id, outcome: 'duplicate' }])
      await rejects('ERR_KEY_CONFLICT', c.backend.push([c.task({ key: 'k', payload: other })]))
      await holder.findsNothing()
    }),
  ),
  fact('eight pushes of one key at once create one task, and all name it', async (c) => {
    const callers = await c.callers(8)
    const receipts = (await Promise.all(callers.map((backend) => backend.push([c.task({ key: 'k', payload })])))).flat()
    assert.equal(receipts.filter(({ outcome }) => outcome === 'created').length, 1)
    assert.equal(new Set(idsOf(receipts)).size, 1)
    assert.deepEqual(idsOf(await (await c.instance()).claim()), [receipts[0]!.id])
  }),
  fact('batches of the same keys in opposite order, pushed at once, create each once', async (c) => {
    const callers = await c.callers(8)
    const keys = Array.from({ length: 25 }, (_, n) => `key ${n}`)
    const receipts = await Promise.all(
      callers.map((backend, index) =>
        backend.push((index < 4 ? keys : [...keys].reverse()).map((key) => c.task({ key, payload }))),
      ),
    )
    assert.equal(receipts.flat().filter(({ outcome }) => outcome === 'created').length, keys.length)
    assert.equal((await (await c.instance()).claim()).length, keys.length)
  }),
  fact('a refused push does not hurt others sent at the same time', async (c) => {
    await c.push({ key: 'taken', payload })
    const good = Array.from({ length: 6 }, () => c.task())
    const pushes = good.map((task) => started(c.backend.push([task])))
    const refused = started(c.backend.push([c.task({ key: 'taken', payload: other })]))
    await rejects('ERR_KEY_CONFLICT', refused)
    assert.deepEqual(
      (await Promise.all(pushes)).flat(),
      good.map(({ id }) => ({ id, outcome: 'created' })),
    )
    assert.equal((await (await c.instance()).claim()).length, good.length + 1)
  }),
  fact('keys are compared to the letter', async (c) => {
    const keys = ['k', 'K', ' k', 'k ', '\u00e9', 'e\u0301', '1', '01']
    const receipts = await c.backend.push(keys.map((key, n) => c.task({ key, payload: text(`work ${n}`) })))
    assert.deepEqual(new Set(receipts.map(({ outcome }) => outcome)), new Set(['created']))
    assert.equal((await (await c.instance()).claim()).length, keys.length)
  }),
  fact('tasks without a key never stand in for one another', async (c) => {
    await c.pushed(3, { payload })
    await c.pushed(3, { payload })
    const tasks = await (await c.instance()).claim()
    assert.equal(tasks.length, 6)
    await c.applied(...tasks.map((task) => done(task)))
  }),
])
