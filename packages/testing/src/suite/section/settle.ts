/** Settling: what each kind makes of a task, one by one and in batches. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, sameBytes, sameIds } from '../check.ts'
import {
  BOOM,
  cancelled,
  deferred,
  done,
  EVERY_BYTE,
  failed,
  HOUR,
  killed,
  progress,
  released,
  RETURN_KINDS,
  text,
} from '../sample.ts'

export const settleCases: readonly ConformanceCase[] = section('settle', [
  fact('done ends a task with its result', async (c) => {
    const { task } = await c.claimed()
    await c.applied(done(task, { result: { codec: 'raw', bytes: EVERY_BYTE } }))
    const { id, queue, status, attempt, result, error } = await c.outcome(task.id)
    assert.deepEqual(
      { id, queue, status, attempt, error },
      { id: task.id, queue: c.queue, status: 'done', attempt: 1, error: null },
    )
    assert.equal(result?.codec, 'raw')
    sameBytes(result?.bytes, EVERY_BYTE, 'result')
  }),
  fact('done without a result is done with null', async (c) => {
    const { task } = await c.claimed()
    await c.applied(done(task))
    assert.equal((await c.outcome(task.id)).result, null)
  }),
  fact('a result without bytes is not null', async (c) => {
    const { task } = await c.claimed()
    await c.applied(done(task, { result: { codec: 'none', bytes: new Uint8Array() } }))
    const { result } = await c.outcome(task.id)
    assert.equal(result?.codec, 'none')
    sameBytes(result?.bytes, new Uint8Array(), 'result')
  }),
  fact('killed ends a task with its error', async (c) => {
    const { task } = await c.claimed()
    await c.applied(killed(task))
    const { status, result, error } = await c.outcome(task.id)
    assert.deepEqual({ status, result, error }, { status: 'killed', result: null, error: BOOM })
  }),
  fact('cancelled ends a task, with an error or without', async (c) => {
    await c.pushed(2)
    const [plain, told] = await (await c.instance()).take(2)
    await c.applied(cancelled(plain!), cancelled(told!, { error: BOOM }))
    const outcomes = [await c.outcome(plain!.id), await c.outcome(told!.id)]
    assert.deepEqual(
      outcomes.map(({ status, error }) => ({ status, error })),
      [
        { status: 'cancelled', error: null },
        { status: 'cancelled', error: BOOM },
      ],
    )
  }),
  fact('an error keeps its code and its chain of causes', async (c) => {
    const error = {
      ...BOOM,
      code: 'ECONNRESET',
      cause: { name: 'TypeError', message: 'why', cause: { name: 'string', message: 'root' } },
    }
    const { task } = await c.claimed()
    await c.applied(killed(task, { error }))
    assert.deepEqual((await c.outcome(task.id)).error, error)
  }),
  fact('a done task after failures has no error left in its outcome', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(failed(task))
    await c.applied(done(await holder.one()))
    assert.equal((await c.outcome(task.id)).error, null)
  }),
  ...Object.entries(RETURN_KINDS).map(([kind, settle]) =>
    fact(`${kind} brings a task back as it was pushed`, async (c) => {
      const pushed = { priority: 3, maxAttempts: 5, metadata: { a: 'b' }, payload: text('work') }
      const { task, holder } = await c.claimed(pushed)
      await c.applied(settle(task))
      const again = await holder.one()
      assert.equal(again.id, task.id)
      assert.deepEqual([again.priority, again.maxAttempts, { ...again.metadata }], [3, 5, { a: 'b' }])
      sameBytes(again.payload.bytes, pushed.payload.bytes, 'payload')
      await c.assertOpen(task.id)
    }),
  ),
  fact('a released task keeps its place in the queue', async (c) => {
    const tasks = await c.pushed(5)
    const instance = await c.instance()
    const [first, second] = await instance.take(2)
    await c.pass(5)
    await c.applied(released(second!))
    await c.applied(released(first!))
    assert.deepEqual(idsOf(await instance.take(5)), idsOf(tasks))
  }),
  fact('progress leaves the task with its holder', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(progress(task))
    await holder.findsNothing()
    await c.assertOpen(task.id)
    await c.applied(done(task))
  }),
  fact('settling nothing answers nothing', async (c) => {
    assert.deepEqual(await c.backend.settle([]), [])
  }),
  fact('a batch of every kind does to each task what its own settlement says', async (c) => {
    await c.pushed(7)
    const instance = await c.instance()
    const tasks = await instance.take(7)
    const [a, b, d, e, f, g, h] = tasks
    await c.applied(
      released(e!),
      done(a!),
      progress(h!),
      killed(b!),
      deferred(f!, { afterMs: HOUR }),
      cancelled(d!),
      failed(g!),
    )
    sameIds(await instance.take(2), [e!, g!])
    await instance.findsNothing()
    assert.deepEqual(
      [await c.outcome(a!.id), await c.outcome(b!.id), await c.outcome(d!.id)].map(({ status }) => status),
      ['done', 'killed', 'cancelled'],
    )
    await c.applied(done(h!))
  }),
  fact('answers come in the order given, whatever the order of the ids', async (c) => {
    await c.pushed(20)
    const tasks = await (await c.instance()).take(20)
    const settled = tasks.filter((_, n) => n % 3 === 0)
    await c.applied(...settled.map((task) => done(task)))
    const order = tasks.toReversed()
    assert.deepEqual(
      await c.backend.settle(order.map((task) => done(task))),
      order.map((task) => (settled.includes(task) ? 'already' : 'applied')),
    )
  }),
  fact('tasks of several queues and several claims are settled in one call', async (c) => {
    const other = c.newQueue()
    await c.pushed(4)
    await c.pushed(4, { queue: other })
    const instance = await c.instance()
    const tasks = [...(await instance.take(2)), ...(await instance.take(4, other)), ...(await instance.take(2))]
    await c.applied(...tasks.map((task) => done(task)))
    await instance.findsNothing()
    await instance.findsNothing(other)
  }),
  fact('a thousand settlements in one call each get their answer', async (c) => {
    await c.pushed(1_000)
    const tasks = await (await c.instance()).take(1_000)
    await c.applied(...tasks.map((task) => done(task, { result: text(task.id) })))
    const last = await c.outcome(tasks[999]!.id)
    sameBytes(last.result?.bytes, text(last.id).bytes, 'result')
  }),
  fact('settlements sent at the same time each get their own answers', async (c) => {
    await c.pushed(30)
    const tasks = await (await c.instance()).take(30)
    await c.applied(...tasks.slice(0, 10).map((task) => done(task)))
    const answers = await Promise.all(tasks.map((task) => c.settle(done(task))))
    assert.deepEqual(
      answers,
      tasks.map((_, n) => (n < 10 ? 'already' : 'applied')),
    )
  }),
  fact(
    'a settlement may come through another process than the claim',
    async (c) => {
      const { task } = await c.claimed()
      assert.deepEqual(await (await c.second()).settle([done(task)]), ['applied'])
      assert.equal((await c.outcome(task.id)).status, 'done')
    },
    'second',
  ),
  fact(
    'what has been settled is seen by another process at once',
    async (c) => {
      const second = await c.second()
      const { task } = await c.claimed()
      const other = await c.instance(second)
      await other.findsNothing()
      await c.applied(released(task))
      assert.equal((await other.one()).id, task.id)
    },
    'second',
  ),
  fact('finishedAt is a moment by the store’s clock', async (c) => {
    const { task } = await c.claimed()
    await c.pass(20)
    await c.applied(done(task))
    await c.pass(20)
    const after = (await c.claimed()).task.runAt
    const { finishedAt } = await c.outcome(task.id)
    assert.ok(
      finishedAt >= task.runAt + 15 && finishedAt <= after,
      `${finishedAt} is not between ${task.runAt} and ${after}`,
    )
  }),
])
