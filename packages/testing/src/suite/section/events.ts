/** The capability `events`: what happens to the tasks of a queue is told, once, to everybody who listens. */
import assert from 'node:assert/strict'
import type { Backend, ErrorRecord, TaskEvent, TaskId } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import type { CaseContext } from '../context.ts'
import { BOOM, cancelled, deferred, done, failed, killed, progress, released } from '../sample.ts'

export const eventsCases: readonly ConformanceCase[] = section(
  'events',
  [
    fact('every end and every failed attempt is told, with its task, attempt and error', async (c) => {
      await using heard = await follow(c)
      await c.pushed(3)
      const holder = await c.instance()
      const [a, b, d] = await holder.take(3)
      await c.applied(failed(a!))
      await c.applied(killed(b!))
      await c.applied(cancelled(d!))
      await c.applied(done(await holder.one()))
      const told = await heard.events(4)
      assert.deepEqual(
        told
          .map(({ id, queue, type, attempt, error }) => ({ id, queue, type, attempt, error }))
          .sort((x, y) => (x.type < y.type ? -1 : 1)),
        [
          { id: d!.id, queue: c.queue, type: 'cancelled', attempt: 1, error: null },
          { id: a!.id, queue: c.queue, type: 'done', attempt: 2, error: null },
          { id: a!.id, queue: c.queue, type: 'failed', attempt: 1, error: BOOM },
          { id: b!.id, queue: c.queue, type: 'killed', attempt: 1, error: BOOM },
        ],
      )
      for (const { at } of told) assert.ok(at >= a!.runAt)
    }),
    fact('events of one task come in the order in which they happened', async (c) => {
      await using heard = await follow(c)
      const { task, holder } = await c.claimed()
      await c.applied(failed(task))
      await c.pass(5)
      await c.applied(failed(await holder.one()))
      await c.pass(5)
      await c.applied(done(await holder.one()))
      assert.deepEqual(
        (await heard.events(3)).map(({ type, attempt }) => [type, attempt]),
        [
          ['failed', 1],
          ['failed', 2],
          ['done', 3],
        ],
      )
    }),
    fact('what is given back, kept, or settled in vain is not told', async (c) => {
      await using heard = await follow(c)
      const { task, holder } = await c.claimed()
      await c.applied(progress(task), released(task))
      await c.applied(deferred(await holder.one()))
      const last = await holder.one()
      await c.settle(done(task))
      await c.applied(done(last))
      await c.settle(done(last))
      await c.settle(killed(last))
      assert.deepEqual(await heard.types(), ['done'])
    }),
    fact('each event is told once, also when many end in one call', async (c) => {
      await using heard = await follow(c)
      await c.pushed(60)
      const tasks = await (await c.instance()).take(60)
      await c.applied(...tasks.slice(0, 40).map((task) => done(task)))
      await Promise.all(tasks.slice(40).map((task) => c.applied(done(task))))
      const told = await heard.events(60)
      assert.deepEqual(told.map(({ id }) => id).sort(), tasks.map(({ id }) => id).sort())
      assert.deepEqual((await heard.types()).length, 60)
    }),
    fact('tasks of every priority are told of', async (c) => {
      await using heard = await follow(c)
      await c.push({ priority: -100 }, { priority: 0 }, { priority: 100 })
      const tasks = await (await c.instance()).take(3)
      await c.applied(...tasks.map((task) => done(task)))
      assert.equal((await heard.events(3)).length, 3)
    }),
    fact('another queue’s events are not told', async (c) => {
      await using heard = await follow(c)
      const other = await c.claimed({ queue: c.newQueue() })
      await c.applied(done(other.task))
      const { task } = await c.claimed()
      await c.applied(done(task))
      assert.deepEqual(
        (await heard.events(1)).map(({ id }) => id),
        [task.id],
      )
      assert.deepEqual(await heard.types(), ['done'])
    }),
    fact('an attempt whose worker died failed, or killed its task', async (c) => {
      await using heard = await follow(c)
      await c.push({}, { maxAttempts: 1 })
      const doomed = await c.instance()
      await doomed.take(2)
      await c.expire(doomed)
      await c.sweepAll()
      const told = await heard.events(2)
      assert.deepEqual(told.map(({ type }) => type).sort(), ['failed', 'killed'])
      for (const { error } of told) assert.equal(error?.code, 'ERR_CRASHED')
    }),
    fact('everybody who listens is told everything', async (c) => {
      await using one = await follow(c)
      await using two = await follow(c)
      const { task } = await c.claimed()
      await c.applied(done(task))
      for (const heard of [one, two])
        assert.deepEqual(
          (await heard.events(1)).map(({ id }) => id),
          [task.id],
        )
    }),
    fact('a stream goes on after the event whose cursor it is given', async (c) => {
      await using heard = await follow(c)
      const { task, holder } = await c.claimed()
      await c.applied(failed(task))
      await c.pass(5)
      await c.applied(failed(await holder.one()))
      await c.pass(5)
      await c.applied(done(await holder.one()))
      const [first] = await heard.events(3)
      await using again = new Ear(c, c.backend, first!.cursor)
      assert.deepEqual(
        (await again.events(2)).map(({ type, attempt }) => [type, attempt]),
        [
          ['failed', 2],
          ['done', 3],
        ],
      )
      const last = await c.claimed()
      await c.applied(killed(last.task))
      assert.equal((await again.events(3))[2]!.id, last.task.id)
    }),
    fact('an abort ends the stream without an error', async (c) => {
      const heard = await follow(c)
      await heard.end(new Error('enough'))
      const { task } = await c.claimed()
      await c.applied(done(task))
      assert.deepEqual(heard.told(), [])
    }),
    fact('a signal that was aborted before ends it at once', async (c) => {
      const events = c.with('events').events(c.queue, { signal: AbortSignal.abort() })
      for await (const event of events) assert.fail(`told of ${event.id} after the abort`)
    }),
    fact(
      'a cancel of what waits is told',
      async (c) => {
        await using heard = await follow(c)
        const [task] = await c.pushed(1)
        await c.with('cancel').cancel([task!.id], 'not needed')
        const [event] = await heard.events(1)
        assert.deepEqual([event!.id, event!.type, event!.error?.code], [task!.id, 'cancelled', 'ERR_CANCELLED'])
      },
      'cancel',
    ),
    fact(
      'a held task that is to end is told of when it has ended',
      async (c) => {
        await using heard = await follow(c)
        const { task } = await c.claimed()
        await c.with('cancel').cancel([task.id])
        await c.applied(failed(task))
        assert.deepEqual(
          (await heard.events(1)).map(({ id, type }) => [id, type]),
          [[task.id, 'cancelled']],
        )
        assert.deepEqual(await heard.types(), ['cancelled'])
      },
      'cancel',
    ),
    fact(
      'a new life tells of its own end',
      async (c) => {
        await using heard = await follow(c)
        const { task, holder } = await c.claimed()
        await c.applied(killed(task))
        await c.pass(5)
        await heard.events(1)
        await c.with('resumeById').resumeById([task.id])
        await c.applied(done(await holder.one()))
        await heard.events(2)
        assert.deepEqual(await heard.types(), ['killed', 'done'])
      },
      'resumeById',
    ),
    fact(
      'what another process settles is told',
      async (c) => {
        const second = await c.second()
        await using heard = await follow(c, second)
        const { task } = await c.claimed()
        await c.applied(done(task))
        assert.equal((await heard.events(1))[0]!.id, task.id)
      },
      'second',
    ),
    fact(
      'a settlement is told when its transaction commits, and never when it is rolled back',
      async (c) => {
        await using heard = await follow(c)
        const { task } = await c.claimed()
        await c.transaction(async (tx) => {
          await c.backend.settle([killed(task)], { tx })
        }, 'rollback')
        await c.transaction(async (tx) => {
          await c.backend.settle([done(task)], { tx })
        }, 'commit')
        await heard.events(1)
        assert.deepEqual(await heard.types(), ['done'])
      },
      'transaction',
    ),
  ],
  'events',
)

/** Ends tasks that are there only to be heard of. */
const MARK: ErrorRecord = { name: 'Mark', message: 'only to be heard of' }

/** A stream that is known to have begun: what happens from here on is told. */
async function follow(c: CaseContext, backend: Backend<unknown> = c.backend): Promise<Ear> {
  const ear = new Ear(c, backend)
  await ear.mark()
  return ear
}

/** Listens to the case's queue and keeps what it is told. */
class Ear implements AsyncDisposable {
  readonly #context: CaseContext
  readonly #abort = new AbortController()
  readonly #listening: Promise<void>
  readonly #heard: TaskEvent[] = []
  #failure: unknown

  constructor(c: CaseContext, backend: Backend<unknown> = c.backend, after?: string) {
    this.#context = c
    const { signal } = this.#abort
    const events = c.with('events', backend).events(c.queue, after === undefined ? { signal } : { signal, after })
    this.#listening = this.#listen(events).catch((error: unknown) => {
      this.#failure = error
    })
  }

  /** The first so many events, waited for. */
  events(count: number): Promise<readonly TaskEvent[]> {
    return this.#context.until(`${count} events`, () => {
      if (this.#failure !== undefined) throw this.#failure
      const told = this.told()
      return told.length >= count ? told.slice(0, count) : undefined
    })
  }

  /** The types of all events up to now. */
  async types(): Promise<string[]> {
    await this.#context.pass(5)
    await this.mark()
    return this.told().map(({ type }) => type)
  }

  /** Ends tasks until the stream tells of one of them: what ended before has been told by then. */
  async mark(): Promise<void> {
    const mine = new Set<TaskId>()
    await this.#context.until('a stream that tells what happens', async () => {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#heard.some(({ id }) => mine.has(id))) return true
      const { task } = await this.#context.claimed({ priority: 100 })
      mine.add(task.id)
      await this.#context.applied(killed(task, { error: MARK }))
      return undefined
    })
  }

  /** Aborts, and waits for the end of the stream. Rejects with what it threw, if anything. */
  async end(reason?: unknown): Promise<void> {
    this.#abort.abort(reason)
    await this.#listening
    if (this.#failure !== undefined) throw this.#failure
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end()
  }

  /** What has been told up to now. */
  told(): TaskEvent[] {
    return this.#heard.filter(({ error }) => error?.message !== MARK.message)
  }

  async #listen(events: AsyncIterable<TaskEvent>): Promise<void> {
    for await (const event of events) this.#heard.push(event)
  }
}
