/** Pushing: what is stored, in which order, and what the receipts say. */
import assert from 'node:assert/strict'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { entriesOf, idsOf, sameBytes, sameIds } from '../check.ts'
import { done, EVERY_BYTE, text } from '../sample.ts'

export const pushCases: readonly ConformanceCase[] = section('push', [
  fact('a pushed task is claimed with everything it was pushed with', async (c) => {
    const pushed = c.task({ priority: 7, maxAttempts: 9, metadata: { tenant: 'a', trace: 'b' } })
    await c.backend.push([pushed])
    const task = await (await c.instance()).one()
    const { id, queue, priority, maxAttempts, attempt, crashes, checkpoint } = task
    assert.deepEqual(
      { id, queue, priority, maxAttempts, attempt, crashes, checkpoint },
      { id: pushed.id, queue: c.queue, priority: 7, maxAttempts: 9, attempt: 1, crashes: 0, checkpoint: null },
    )
    assert.deepEqual(entriesOf(task.metadata), [
      ['tenant', 'a'],
      ['trace', 'b'],
    ])
    assert.equal(task.payload.codec, 'text')
    sameBytes(task.payload.bytes, pushed.payload.bytes, 'payload')
    assert.ok(task.token.length > 0)
  }),
  fact('what was left open stays open: no metadata, no limit of attempts, no priority', async (c) => {
    const { task } = await c.claimed()
    assert.deepEqual([task.metadata, task.maxAttempts, task.priority], [null, null, 0])
  }),
  fact('the largest and smallest priority and limit of attempts come back as they are', async (c) => {
    await c.push({ priority: 100, maxAttempts: 1_000 }, { priority: -100, maxAttempts: 1 })
    const tasks = await (await c.instance()).take(2)
    assert.deepEqual(
      tasks.map(({ priority, maxAttempts }) => [priority, maxAttempts]),
      [
        [100, 1_000],
        [-100, 1],
      ],
    )
  }),
  fact('there is one receipt per task, in the order given', async (c) => {
    const tasks = Array.from({ length: 20 }, (_, n) => c.task({ priority: n % 3 }))
    const receipts = await c.backend.push(tasks)
    assert.deepEqual(
      receipts,
      tasks.map(({ id }) => ({ id, outcome: 'created' })),
    )
    sameIds(await (await c.instance()).claim(), tasks)
  }),
  fact('insertion order is kept among the tasks of one call', async (c) => {
    const tasks = await c.pushed(50)
    assert.deepEqual(idsOf(await (await c.instance()).claim()), idsOf(tasks))
  }),
  fact('pushing nothing stores nothing', async (c) => {
    assert.deepEqual(await c.backend.push([]), [])
    await (await c.instance()).findsNothing()
  }),
  fact('an id that exists is a duplicate and leaves the first task as it is', async (c) => {
    const first = c.task({ payload: text('first') })
    await c.backend.push([first])
    const receipts = await c.backend.push([{ ...first, payload: text('second'), priority: 5 }])
    assert.deepEqual(receipts, [{ id: first.id, outcome: 'duplicate' }])
    const tasks = await (await c.instance()).claim()
    assert.deepEqual(idsOf(tasks), [first.id])
    assert.equal(tasks[0]!.priority, 0)
    sameBytes(tasks[0]!.payload.bytes, text('first').bytes, 'payload')
  }),
  fact('an id is known in every queue', async (c) => {
    const first = c.task()
    await c.backend.push([first])
    const queue = c.newQueue()
    assert.deepEqual(await c.backend.push([{ ...first, queue }]), [{ id: first.id, outcome: 'duplicate' }])
    await (await c.instance()).findsNothing(queue)
  }),
  fact('an id stays known while its task is held and after it has finished', async (c) => {
    const { task } = await c.claimed()
    const again = c.task({ id: task.id })
    assert.equal((await c.backend.push([again]))[0]!.outcome, 'duplicate')
    await c.applied(done(task))
    assert.equal((await c.backend.push([again]))[0]!.outcome, 'duplicate')
    await (await c.instance()).findsNothing()
  }),
  fact('the same id twice within one call is stored once, and the first wins', async (c) => {
    const first = c.task({ payload: text('first') })
    const receipts = await c.backend.push([first, { ...first, payload: text('second') }])
    assert.deepEqual(receipts, [
      { id: first.id, outcome: 'created' },
      { id: first.id, outcome: 'duplicate' },
    ])
    const tasks = await (await c.instance()).claim()
    assert.equal(tasks.length, 1)
    sameBytes(tasks[0]!.payload.bytes, text('first').bytes, 'payload')
  }),
  fact('a call of known and new tasks stores the new ones and says which they are', async (c) => {
    const known = await c.pushed(2)
    const fresh = [c.task(), c.task()]
    const receipts = await c.backend.push([known[0]!, fresh[0]!, known[1]!, fresh[1]!])
    assert.deepEqual(
      receipts.map(({ outcome }) => outcome),
      ['duplicate', 'created', 'duplicate', 'created'],
    )
    sameIds(await (await c.instance()).claim(), [...known, ...fresh])
  }),
  fact('a push repeated as it was stores nothing more', async (c) => {
    const tasks = Array.from({ length: 10 }, (_, n) => c.task({ key: n % 2 === 0 ? `key ${n}` : null }))
    await c.backend.push(tasks)
    assert.deepEqual(
      await c.backend.push(tasks),
      tasks.map(({ id }) => ({ id, outcome: 'duplicate' })),
    )
    sameIds(await (await c.instance()).claim(), tasks)
  }),
  fact('every byte comes back verbatim under the tag of its codec', async (c) => {
    const { task } = await c.claimed({ payload: { codec: 'my-codec.2', bytes: EVERY_BYTE } })
    assert.equal(task.payload.codec, 'my-codec.2')
    sameBytes(task.payload.bytes, EVERY_BYTE, 'payload')
  }),
  fact('a payload without bytes stays a payload', async (c) => {
    const { task } = await c.claimed({ payload: { codec: 'none', bytes: new Uint8Array() } })
    assert.equal(task.payload.codec, 'none')
    sameBytes(task.payload.bytes, new Uint8Array(), 'payload')
  }),
  fact('a view of a larger buffer is stored without what surrounds it', async (c) => {
    const view = new Uint8Array(EVERY_BYTE.slice().buffer, 100, 20)
    const { task } = await c.claimed({ payload: { codec: 'view', bytes: view } })
    sameBytes(task.payload.bytes, EVERY_BYTE.slice(100, 120), 'payload')
  }),
  fact('what the caller does to its bytes after the push changes nothing', async (c) => {
    const bytes = EVERY_BYTE.slice()
    await c.push({ payload: { codec: 'raw', bytes } })
    bytes.fill(0)
    sameBytes((await (await c.instance()).one()).payload.bytes, EVERY_BYTE, 'payload')
  }),
  fact('a thousand tasks go in and come out in one call, in order', async (c) => {
    const tasks = Array.from({ length: 1_000 }, () => c.task())
    const receipts = await c.backend.push(tasks)
    assert.deepEqual(idsOf(receipts), idsOf(tasks))
    assert.deepEqual(idsOf(await (await c.instance()).claim(1_000)), idsOf(tasks))
  }),
  fact('one call may push to several queues', async (c) => {
    const other = c.newQueue()
    const [here, there] = await c.push({}, { queue: other })
    const instance = await c.instance()
    assert.deepEqual(idsOf(await instance.claim()), [here!.id])
    assert.deepEqual(idsOf(await instance.claim(10, other)), [there!.id])
  }),
  fact('pushes at the same time all store theirs and get their own receipts', async (c) => {
    const calls = Array.from({ length: 20 }, () => Array.from({ length: 10 }, () => c.task()))
    const receipts = await Promise.all(calls.map((tasks) => c.backend.push(tasks)))
    assert.deepEqual(receipts.map(idsOf), calls.map(idsOf))
    sameIds(await (await c.instance()).claim(), calls.flat())
  }),
  fact('one id pushed by eight callers at once is stored once', async (c) => {
    const task = c.task()
    const callers = await c.callers(8)
    const receipts = (await Promise.all(callers.map((backend) => backend.push([task])))).flat()
    assert.equal(receipts.filter(({ outcome }) => outcome === 'created').length, 1)
    assert.deepEqual(new Set(idsOf(receipts)), new Set([task.id]))
    assert.equal((await (await c.instance()).claim()).length, 1)
  }),
  fact('an id of any UUID version is taken', async (c) => {
    const ids = [crypto.randomUUID(), uuidv7(), '00000000-0000-4000-8000-' + uuidv7().slice(-12)]
    await c.push(...ids.map((id) => ({ id })))
    assert.deepEqual(new Set(idsOf(await (await c.instance()).claim())), new Set(ids))
  }),
])
