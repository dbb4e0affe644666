/**
 * Every way in which a task can move, each with what must be counted after it.
 *
 * Counts and statistics are checked against this one list, so that none of them forgets a way.
 */
import type { Status } from '@q/core'
import { idsOf, rejects } from './check.ts'
import type { CaseContext } from './context.ts'
import { RUN_MOVES } from './run-moves.ts'
import { cancelled, deferred, done, failed, HOUR, killed, only, progress, released, text } from './sample.ts'
import type { Need } from './under-test.ts'

/** What stands in the case's queue after a move, and what has happened there. Zeros are left out. */
interface Tally {
  readonly counts: Readonly<Partial<Record<Status | 'scheduled', number>>>
  readonly happened: Readonly<Partial<Record<Happening, number>>>
}

/** What statistics tell apart. */
export type Happening = 'pushed' | 'done' | 'failed' | 'killed' | 'cancelled'

/** One way to move, done in a queue that was empty. */
export interface Move {
  /** Reads well after “after”. */
  readonly name: string
  readonly needs: readonly Need[]
  readonly run: (c: CaseContext) => Promise<Tally>
}

export const MOVES: readonly Move[] = [
  move('pushes of several priorities', async (c) => {
    await c.push({ priority: -100 }, { priority: 0 }, { priority: 0 }, { priority: 100 })
    await c.pushed(2, { queue: c.newQueue() })
    return { counts: { pending: 4 }, happened: { pushed: 4 } }
  }),
  move('a push of scheduled tasks', async (c) => {
    await c.push({}, { due: { afterMs: HOUR } }, { due: { afterMs: HOUR } })
    return { counts: { pending: 3, scheduled: 2 }, happened: { pushed: 3 } }
  }),
  move('pushes of ids and keys that exist', async (c) => {
    const tasks = [c.task({ key: 'k', payload: text('w') }), c.task()]
    await c.backend.push(tasks)
    await c.backend.push([...tasks, c.task({ key: 'k', payload: text('w') }), c.task()])
    return { counts: { pending: 3 }, happened: { pushed: 3 } }
  }),
  move('a push that is refused', async (c) => {
    await c.push({ key: 'k', payload: text('one') })
    await rejects('ERR_KEY_CONFLICT', c.backend.push([c.task(), c.task({ key: 'k', payload: text('two') })]))
    return { counts: { pending: 1 }, happened: { pushed: 1 } }
  }),
  move(
    'pushes that are kept out or replace',
    async (c) => {
      await c.push({ unique: only() }, { unique: only() })
      await c.push({ unique: only({ otherwise: 'replace' }), priority: 7, due: { afterMs: HOUR } })
      return { counts: { pending: 1, scheduled: 1 }, happened: { pushed: 1 } }
    },
    'unique',
  ),
  move('a claim', async (c) => {
    await c.pushed(3)
    await (await c.instance()).take(2)
    return { counts: { pending: 1, queued: 2 }, happened: { pushed: 3 } }
  }),
  move('a beat and a checkpoint', async (c) => {
    await c.pushed(2)
    const holder = await c.instance()
    const [busy, other] = await holder.take(2)
    await holder.beat([busy!])
    await holder.beat([busy!])
    await c.applied(progress(busy!), progress(other!))
    return { counts: { running: 1, queued: 1 }, happened: { pushed: 2 } }
  }),
  move('release and deferral', async (c) => {
    await c.pushed(2)
    const [a, b] = await (await c.instance()).take(2)
    await c.applied(released(a!), deferred(b!, { afterMs: HOUR }))
    return { counts: { pending: 2, scheduled: 1 }, happened: { pushed: 2 } }
  }),
  move('failures, the next claim, and its release', async (c) => {
    await c.pushed(3)
    const holder = await c.instance()
    const [a, b, d] = await holder.take(3)
    await c.applied(failed(a!), failed(b!, { retryAfterMs: HOUR }), failed(d!))
    const [again] = await holder.take(2)
    await c.applied(released(again!))
    return { counts: { failed: 2, queued: 1 }, happened: { pushed: 3, failed: 3 } }
  }),
  move('each of the ends', async (c) => {
    await c.pushed(6)
    const [a, b, d, e, f, g] = await (await c.instance()).take(6)
    await c.applied(done(a!), killed(b!), cancelled(d!), done(e!), killed(f!), done(g!))
    return {
      counts: { done: 3, killed: 2, cancelled: 1 },
      happened: { pushed: 6, done: 3, killed: 2, cancelled: 1 },
    }
  }),
  move('two failures and an end', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(failed(task))
    await c.applied(failed(await holder.one()))
    await c.applied(done(await holder.one()))
    return { counts: { done: 1 }, happened: { pushed: 1, failed: 2, done: 1 } }
  }),
  move('settlements that are repeated or stale', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(failed(task))
    await c.settle(failed(task))
    const again = await holder.one()
    await c.settle(done(task))
    await c.applied(done(again))
    await c.backend.settle([done(again), killed(again), done(task)])
    return { counts: { done: 1 }, happened: { pushed: 1, failed: 1, done: 1 } }
  }),
  move('a crash', async (c) => {
    await c.pushed(2)
    const doomed = await c.instance()
    await doomed.take(2)
    await c.expire(doomed)
    await c.sweepAll()
    return { counts: { failed: 2 }, happened: { pushed: 2, failed: 2 } }
  }),
  move('a crash that spends the last attempt', async (c) => {
    await c.push({ maxAttempts: 1 })
    await c.crash()
    return { counts: { killed: 1 }, happened: { pushed: 1, killed: 1 } }
  }),
  move('quarantine', async (c) => {
    await c.pushed(1, { priority: 3 })
    await c.crash(2)
    await c.applied(done(await (await c.instance()).one()))
    await c.pushed(1)
    return { counts: { done: 1, pending: 1 }, happened: { pushed: 2, failed: 2, done: 1 } }
  }),
  move('the end of an instance', async (c) => {
    const { holder } = await c.claimed()
    await c.backend.deregister(holder.id)
    return { counts: { pending: 1 }, happened: { pushed: 1 } }
  }),
  move('follow-on tasks', async (c) => {
    const { task } = await c.claimed()
    const next = c.task()
    const follow = [next, c.task({ due: { afterMs: HOUR } }), next, c.task({ queue: c.newQueue() })]
    await c.applied(done(task, { follow }))
    await c.settle(done(task, { follow: [c.task()] }))
    return { counts: { done: 1, pending: 2, scheduled: 1 }, happened: { pushed: 3, done: 1 } }
  }),
  move(
    'a cancel of what waits',
    async (c) => {
      const { task } = await c.claimed()
      await c.applied(failed(task))
      const tasks = await c.push({}, { due: { afterMs: HOUR } })
      const ids = idsOf([task, ...tasks])
      await c.with('cancel').cancel([...ids, ids[0]!])
      await c.with('cancel').cancel(ids)
      return { counts: { cancelled: 3 }, happened: { pushed: 3, failed: 1, cancelled: 3 } }
    },
    'cancel',
  ),
  move(
    'a cancel of what is held',
    async (c) => {
      await c.pushed(5)
      const [stays, back, ended, left] = await (await c.instance()).take(4)
      const dying = await c.instance()
      const lost = await dying.one()
      await c.with('cancel').cancel(idsOf([stays!, back!, ended!, left!, lost]))
      await c.applied(failed(back!), done(ended!), released(left!))
      await c.expire(dying)
      await c.sweepAll()
      return { counts: { queued: 1, cancelled: 3, done: 1 }, happened: { pushed: 5, cancelled: 3, done: 1 } }
    },
    'cancel',
  ),
  move(
    'new lives',
    async (c) => {
      await c.pushed(4)
      const [a, b, d, e] = await (await c.instance()).take(4)
      await c.applied(done(a!), cancelled(b!), done(d!), failed(e!, { retryAfterMs: HOUR }))
      await c.with('resumeById').resumeById(idsOf([a!, b!, a!, e!]))
      return {
        counts: { pending: 2, done: 1, failed: 1 },
        happened: { pushed: 4, done: 2, cancelled: 1, failed: 1 },
      }
    },
    'resumeById',
  ),
  move(
    'a new life that ends',
    async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(killed(task))
      await c.with('resumeById').resumeById([task.id])
      await c.applied(done(await holder.one()))
      return { counts: { done: 1 }, happened: { pushed: 1, killed: 1, done: 1 } }
    },
    'resumeById',
  ),
  move(
    'removal',
    async (c) => {
      await c.pushed(5)
      const [a, b, d, held] = await (await c.instance()).take(4)
      await c.applied(done(a!), killed(b!), failed(d!))
      const [waits] = await c.pushed(1, { due: { afterMs: HOUR } })
      await c.with('remove').remove(idsOf([a!, b!, d!, held!, waits!, a!]))
      await c.with('remove').remove(idsOf([a!, b!]))
      return { counts: { pending: 1, queued: 1 }, happened: { pushed: 6, done: 1, killed: 1, failed: 1 } }
    },
    'remove',
  ),
  move(
    'vacuum',
    async (c) => {
      await c.pushed(4)
      const [a, b, d] = await (await c.instance()).take(3)
      await c.applied(done(a!), killed(b!), done(d!))
      await c.pass(20)
      await c.with('vacuum').vacuum(c.queue, { doneMs: 0 }, 100)
      return { counts: { pending: 1, killed: 1 }, happened: { pushed: 4, done: 2, killed: 1 } }
    },
    'vacuum',
  ),
  move(
    'a change of priority and time',
    async (c) => {
      const { task } = await c.claimed()
      await c.applied(failed(task))
      const [waits] = await c.pushed(1)
      await c.with('update').update(task.id, { priority: 9, due: { afterMs: HOUR } })
      await c.with('update').update(waits!.id, { priority: -9, due: { afterMs: HOUR } })
      return { counts: { failed: 1, pending: 1, scheduled: 1 }, happened: { pushed: 2, failed: 1 } }
    },
    'update',
  ),
  move(
    'a transaction that is rolled back',
    async (c) => {
      const { task } = await c.claimed()
      await c.transaction(async (tx) => {
        await c.backend.push([c.task(), c.task()], { tx })
        await c.backend.settle([done(task, { follow: [c.task()] })], { tx })
      }, 'rollback')
      return { counts: { queued: 1 }, happened: { pushed: 1 } }
    },
    'transaction',
  ),
  move(
    'a transaction that commits',
    async (c) => {
      const { task } = await c.claimed()
      await c.transaction(async (tx) => {
        await c.backend.push([c.task(), c.task()], { tx })
        await c.backend.settle([done(task, { follow: [c.task()] })], { tx })
      }, 'commit')
      return { counts: { done: 1, pending: 3 }, happened: { pushed: 4, done: 1 } }
    },
    'transaction',
  ),
  move(
    'what another process did',
    async (c) => {
      const second = await c.second()
      await second.push([c.task(), c.task(), c.task()])
      const [a, b] = await (await c.instance(second)).take(2)
      await second.settle([done(a!), failed(b!, { retryAfterMs: HOUR })])
      return { counts: { pending: 1, done: 1, failed: 1 }, happened: { pushed: 3, done: 1, failed: 1 } }
    },
    'second',
  ),
  move('eight callers at once', async (c) => {
    const callers = await c.callers(8)
    await Promise.all(callers.map((backend) => backend.push(Array.from({ length: 10 }, () => c.task()))))
    await Promise.all(
      callers.map(async (backend, n) => {
        const tasks = await (await c.instance(backend)).take(9)
        const settle = n % 2 === 0 ? done : killed
        await Promise.all(tasks.slice(1).map((task) => backend.settle([settle(task)])))
      }),
    )
    return {
      counts: { pending: 8, queued: 8, done: 32, killed: 32 },
      happened: { pushed: 80, done: 32, killed: 32 },
    }
  }),
  ...RUN_MOVES,
]

function move(name: string, run: Move['run'], ...needs: Need[]): Move {
  return { name, run, needs }
}
