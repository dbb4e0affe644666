/** The capability `unique`: one task per key and queue at a time, decided by how the holder of the key stands now. */
import assert from 'node:assert/strict'
import type { Uniqueness } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { sameBytes, sameIds } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { done, failed, FINAL_KINDS, HOUR, only, RETURN_KINDS, text } from '../sample.ts'

const waiting = only({ while: 'waiting' })

export const uniqueCases: readonly ConformanceCase[] = section(
  'unique',
  [
    fact('a second task with a key that is held is not stored; its receipt names the holder', async (c) => {
      const [first] = await c.push({ unique: only() })
      await isKeptOut(c, first!.id)
      sameIds(await (await c.instance()).claim(), [first!])
    }),
    fact('another payload is no conflict', async (c) => {
      const [first] = await c.push({ unique: only(), payload: text('one') })
      const [receipt] = await c.backend.push([c.task({ unique: only(), payload: text('two') })])
      assert.deepEqual(receipt, { id: first!.id, outcome: 'duplicate' })
      sameBytes((await (await c.instance()).one()).payload.bytes, text('one').bytes, 'payload')
    }),
    fact('a key that is held keeps nothing out of another queue', async (c) => {
      const [here] = await c.push({ unique: only() })
      const there = c.task({ unique: only(), queue: c.newQueue() })
      assert.deepEqual(await c.backend.push([there]), [{ id: there.id, outcome: 'created' }])
      const instance = await c.instance()
      sameIds(await instance.claim(), [here!])
      sameIds(await instance.claim(10, there.queue), [there])
    }),
    fact('other keys and tasks without one are not kept out', async (c) => {
      await c.push({ unique: only() })
      const tasks = [c.task({ unique: only({ key: 'U' }) }), c.task(), c.task({ unique: null }), c.task()]
      assert.deepEqual(
        await c.backend.push(tasks),
        tasks.map(({ id }) => ({ id, outcome: 'created' })),
      )
      assert.equal((await (await c.instance()).claim()).length, 5)
    }),
    fact('keys of quotes, unicode and 200 characters are told apart to the letter', async (c) => {
      const keys = ['k', 'K', ' k', 'k ', '\u00e9', 'e\u0301', `'"\\$1;--`, 'x'.repeat(200), 'x'.repeat(199)]
      const tasks = keys.map((key) => c.task({ unique: only({ key }) }))
      assert.deepEqual(new Set((await c.backend.push(tasks)).map(({ outcome }) => outcome)), new Set(['created']))
      assert.deepEqual(
        await c.backend.push(keys.map((key) => c.task({ unique: only({ key }) }))),
        tasks.map(({ id }) => ({ id, outcome: 'duplicate' })),
      )
    }),
    fact('unique keys and idempotency keys are two name spaces', async (c) => {
      const tasks = [c.task({ key: 'u' }), c.task({ unique: only() })]
      assert.deepEqual(
        await c.backend.push(tasks),
        tasks.map(({ id }) => ({ id, outcome: 'created' })),
      )
      sameIds(await (await c.instance()).claim(), tasks)
    }),
    fact('a known idempotency key decides before a unique key', async (c) => {
      const payload = text('work')
      const { task } = await c.claimed({ key: 'k', payload, unique: only() })
      await c.applied(done(task))
      const [holder] = await c.push({ unique: only() })
      const again = await c.backend.push([c.task({ key: 'k', payload, unique: only({ otherwise: 'replace' }) })])
      assert.deepEqual(again, [{ id: task.id, outcome: 'duplicate' }])
      sameIds(await (await c.instance()).claim(), [holder!])
    }),
    fact('a push repeated under the same id stores nothing more', async (c) => {
      for (const otherwise of ['keep', 'replace'] as const) {
        const queue = c.newQueue()
        const task = c.task({ unique: only({ otherwise }), queue })
        await c.backend.push([task])
        const [receipt] = await c.backend.push([task])
        assert.equal(receipt!.id, task.id)
        assert.notEqual(receipt!.outcome, 'created')
        sameIds(await (await c.instance()).claim(10, queue), [task])
      }
    }),
    fact('within one call a second task meets the first', async (c) => {
      const tasks = [c.task({ unique: only() }), c.task({ unique: only() }), c.task(), c.task({ unique: only() })]
      assert.deepEqual(await c.backend.push(tasks), [
        { id: tasks[0]!.id, outcome: 'created' },
        { id: tasks[0]!.id, outcome: 'duplicate' },
        { id: tasks[2]!.id, outcome: 'created' },
        { id: tasks[0]!.id, outcome: 'duplicate' },
      ])
      sameIds(await (await c.instance()).claim(), [tasks[0]!, tasks[2]!])
    }),
    fact('unfinished: a task keeps others out while a worker holds it', async (c) => {
      const { task, holder } = await c.claimed({ unique: only() })
      await isKeptOut(c, task.id)
      await holder.beat([task])
      await isKeptOut(c, task.id)
    }),
    ...Object.entries(RETURN_KINDS).map(([kind, settle]) =>
      fact(`unfinished: a task that comes back as ${kind} keeps others out`, async (c) => {
        const { task, holder } = await c.claimed({ unique: only() })
        await c.applied(settle(task))
        await isKeptOut(c, task.id)
        sameIds([await holder.one()], [task])
      }),
    ),
    ...Object.entries(FINAL_KINDS).map(([kind, settle]) =>
      fact(`unfinished: a key is free once its task is ${kind}`, async (c) => {
        const { task, holder } = await c.claimed({ unique: only() })
        await c.applied(settle(task))
        const [next] = await c.push({ unique: only() })
        assert.equal((await holder.one()).id, next!.id)
        await isKeptOut(c, next!.id)
      }),
    ),
    fact('unfinished: a task taken back from a dead worker keeps others out', async (c) => {
      const [task] = await c.push({ unique: only() })
      await c.crash(2)
      await isKeptOut(c, task!.id)
    }),
    fact('unfinished: a key is free once the sweep has killed its task', async (c) => {
      await c.push({ unique: only(), maxAttempts: 1 })
      await c.crash()
      await isFree(c)
    }),
    fact('waiting: a key is free once its task is claimed', async (c) => {
      const { task, holder } = await c.claimed({ unique: waiting })
      const [next] = await c.push({ unique: waiting })
      await isKeptOut(c, next!.id, waiting)
      assert.equal((await holder.one()).id, next!.id)
      await c.applied(done(task))
    }),
    fact('waiting: a task that failed and waits for its next attempt keeps others out', async (c) => {
      const { task } = await c.claimed({ unique: waiting })
      await c.applied(failed(task, { retryAfterMs: HOUR }))
      await isKeptOut(c, task.id, waiting)
    }),
    fact('how long a key is held is said by its holder, not by who comes', async (c) => {
      const { task } = await c.claimed({ unique: only() })
      await isKeptOut(c, task.id, waiting)
      await c.applied(done(task))
      await c.claimed({ unique: waiting })
      await isFree(c)
    }),
    fact('a key that was taken over belongs to the new task, whatever becomes of the old one', async (c) => {
      const { task: old } = await c.claimed({ unique: waiting })
      const [heir] = await c.push({ unique: waiting })
      await c.applied(failed(old, { retryAfterMs: HOUR }))
      await isKeptOut(c, heir!.id, waiting)
      assert.equal((await (await c.instance()).one()).id, heir!.id)
      await isFree(c)
    }),
    fact('a window keeps others out after the task has ended', async (c) => {
      const unique = only({ windowMs: HOUR })
      const { task } = await c.claimed({ unique })
      await c.applied(done(task))
      await isKeptOut(c, task.id, unique)
      await isKeptOut(c, task.id)
    }),
    fact('a window ends', async (c) => {
      const unique = only({ windowMs: c.span })
      const { task } = await c.claimed({ unique })
      await c.applied(done(task))
      await c.pass(c.span + 1)
      await isFree(c)
    }),
    fact('a task that still waits keeps others out when its window has ended', async (c) => {
      const unique = only({ windowMs: 1 })
      const [task] = await c.push({ unique })
      await c.pass(20)
      await isKeptOut(c, task!.id, unique)
    }),
    fact('a follow-on task with a key that is held is skipped, and its settlement applied', async (c) => {
      const queue = c.newQueue()
      const [first] = await c.push({ queue, unique: only() })
      const { task, holder } = await c.claimed()
      const follow = [c.task({ queue, unique: only() }), c.task({ queue })]
      await c.applied(done(task, { follow }))
      sameIds(await holder.claim(10, queue), [first!, follow[1]!])
    }),
    fact('a follow-on task holds its key', async (c) => {
      const { task } = await c.claimed()
      const next = c.task({ unique: only() })
      await c.applied(done(task, { follow: [next] }))
      await isKeptOut(c, next.id)
    }),
    fact(
      'another process is kept out as well',
      async (c) => {
        const second = await c.second()
        const [task] = await c.push({ unique: only() })
        assert.deepEqual(await second.push([c.task({ unique: only() })]), [{ id: task!.id, outcome: 'duplicate' }])
      },
      'second',
    ),
    fact(
      'a push that is rolled back leaves its key free',
      async (c) => {
        await c.transaction(async (tx) => {
          await c.backend.push([c.task({ unique: only() })], { tx })
        }, 'rollback')
        await isFree(c)
      },
      'transaction',
    ),
    fact(
      'a push that commits holds its key, within the transaction and after it',
      async (c) => {
        const task = c.task({ unique: only() })
        await c.transaction(async (tx) => {
          await c.backend.push([task], { tx })
          assert.deepEqual(await c.backend.push([c.task({ unique: only() })], { tx }), [
            { id: task.id, outcome: 'duplicate' },
          ])
        }, 'commit')
        await isKeptOut(c, task.id)
      },
      'transaction',
    ),
    fact(
      'a task that is cancelled while it waits gives its key back',
      async (c) => {
        const [task] = await c.push({ unique: only() })
        await c.with('cancel').cancel([task!.id])
        await isFree(c)
      },
      'cancel',
    ),
    fact(
      'a task that was removed holds nothing, not even its window',
      async (c) => {
        const [task] = await c.push({ unique: only({ windowMs: HOUR }) })
        await c.with('remove').remove([task!.id])
        await isFree(c)
      },
      'remove',
    ),
    fact(
      'a task with a new life holds its key again if nobody took it',
      async (c) => {
        const { task } = await c.claimed({ unique: only() })
        await c.applied(done(task))
        await c.with('resumeById').resumeById([task.id])
        await isKeptOut(c, task.id)
      },
      'resumeById',
    ),
  ],
  'unique',
)

async function isKeptOut(c: CaseContext, holder: string, unique: Uniqueness = only()): Promise<void> {
  assert.deepEqual(await c.backend.push([c.task({ unique })]), [{ id: holder, outcome: 'duplicate' }])
}

/** Takes the key. */
async function isFree(c: CaseContext): Promise<void> {
  const task = c.task({ unique: only() })
  assert.deepEqual(await c.backend.push([task]), [{ id: task.id, outcome: 'created' }])
  await isKeptOut(c, task.id)
}
