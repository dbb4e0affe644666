/** The capability `acquire`: limits that all processes share are never overshot and need no cleaning up. */
import assert from 'node:assert/strict'
import type { ClaimedTask, LimitAnswer, LimitRequest } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import type { CaseContext } from '../context.ts'
import { ENDING_KINDS, HOUR, progress } from '../sample.ts'

export const acquireCases: readonly ConformanceCase[] = section(
  'acquire',
  [
    fact('concurrency: as many are granted as the limit says, then none', async (c) => {
      const { tasks, ask } = await holding(c, 4)
      assert.deepEqual(await ask(3, tasks), [true, true, true, false])
    }),
    fact('concurrency: what is granted need not be asked for again, what is refused should be later', async (c) => {
      const { tasks, place } = await holding(c, 2)
      const [granted, refused] = await acquire(c, place(1, tasks[0]!), place(1, tasks[1]!))
      assert.deepEqual(granted, { granted: true, retryAfterMs: 0 })
      assert.ok(!refused!.granted && refused!.retryAfterMs > 0, `${refused!.retryAfterMs} ms`)
    }),
    fact('concurrency: asking again for the same place counts once', async (c) => {
      const { tasks, ask } = await holding(c, 3)
      const [a, b, d] = tasks
      assert.deepEqual(await ask(2, [a!, a!, b!, a!, d!]), [true, true, true, true, false])
      assert.deepEqual(await ask(2, [a!, b!, d!]), [true, true, false])
    }),
    ...Object.entries(ENDING_KINDS).map(([kind, settle]) =>
      fact(`concurrency: a place is free once its task is settled as ${kind}`, async (c) => {
        const { tasks, ask } = await holding(c, 2)
        const [a, b] = tasks
        assert.deepEqual(await ask(1, [a!, b!]), [true, false])
        await c.applied(settle(a!))
        assert.deepEqual(await ask(1, [b!]), [true])
      }),
    ),
    fact('concurrency: progress keeps the place', async (c) => {
      const { tasks, ask } = await holding(c, 2)
      assert.deepEqual(await ask(1, [tasks[0]!]), [true])
      await c.applied(progress(tasks[0]!))
      assert.deepEqual(await ask(1, [tasks[1]!]), [false])
    }),
    fact('concurrency: a place is free once its worker is swept', async (c) => {
      const { tasks, key } = await holding(c, 1)
      const doomed = await c.instance()
      await c.pushed(1)
      const dying = await doomed.one()
      const place = (task: ClaimedTask): LimitRequest => ({ kind: 'concurrency', key, limit: 1, ...claimOf(task) })
      assert.deepEqual(grants(await acquire(c, place(dying), place(tasks[0]!))), [true, false])
      await c.expire(doomed)
      await c.sweepAll()
      assert.deepEqual(grants(await acquire(c, place(tasks[0]!))), [true])
    }),
    fact('concurrency: a place is free once its worker leaves', async (c) => {
      const { tasks, key } = await holding(c, 1)
      const leaving = await c.instance()
      await c.pushed(1)
      const left = await leaving.one()
      const place = (task: ClaimedTask): LimitRequest => ({ kind: 'concurrency', key, limit: 1, ...claimOf(task) })
      assert.deepEqual(grants(await acquire(c, place(left), place(tasks[0]!))), [true, false])
      await c.backend.deregister(leaving.id)
      assert.deepEqual(grants(await acquire(c, place(tasks[0]!))), [true])
    }),
    fact('concurrency: the next claim of the task asks for a place of its own', async (c) => {
      const { tasks, ask, holder } = await holding(c, 2)
      const [a, b] = tasks
      assert.deepEqual(await ask(1, [a!]), [true])
      await c.applied(ENDING_KINDS['failed']!(a!))
      const again = await holder.one()
      assert.deepEqual(await ask(1, [b!, again]), [true, false])
    }),
    fact('concurrency: the next claim of the task may have the place of the one before', async (c) => {
      const { tasks, ask, holder } = await holding(c, 2)
      const [a, b] = tasks
      assert.deepEqual(await ask(1, [a!]), [true])
      await c.applied(ENDING_KINDS['failed']!(a!))
      assert.deepEqual(await ask(1, [await holder.one(), b!]), [true, false])
    }),
    fact('concurrency: a claim that is over takes no place from the living', async (c) => {
      const { tasks, ask } = await holding(c, 2)
      const [over, living] = tasks
      await c.applied(ENDING_KINDS['done']!(over!))
      await ask(1, [over!])
      assert.deepEqual(await ask(1, [living!]), [true])
    }),
    fact('concurrency: keys are limits of their own, to the letter', async (c) => {
      const { tasks, key } = await holding(c, 4)
      const keys = [key, `${key} `, key.toUpperCase(), `${key}'";--`]
      const requests = keys.map((one, n): LimitRequest => ({
        kind: 'concurrency',
        key: one,
        limit: 1,
        ...claimOf(tasks[n]!),
      }))
      assert.deepEqual(grants(await acquire(c, ...requests)), [true, true, true, true])
    }),
    fact('concurrency: a limit may be raised and lowered between requests', async (c) => {
      const { tasks, ask } = await holding(c, 5)
      const [a, b, d, e, f] = tasks
      assert.deepEqual(await ask(1, [a!, b!]), [true, false])
      assert.deepEqual(await ask(3, [b!, d!, e!]), [true, true, false])
      assert.deepEqual(await ask(2, [e!, f!]), [false, false])
      await c.applied(ENDING_KINDS['done']!(a!))
      assert.deepEqual(await ask(2, [e!]), [false])
      await c.applied(ENDING_KINDS['done']!(b!))
      assert.deepEqual(await ask(2, [e!]), [true])
    }),
    fact('concurrency: of eight callers at once exactly one has the last place', async (c) => {
      const { tasks, place } = await holding(c, 9)
      assert.deepEqual(grants(await acquire(c, place(2, tasks[0]!))), [true])
      const callers = await c.callers(8)
      const answers = await Promise.all(
        callers.map((backend, n) => c.with('acquire', backend).acquire([place(2, tasks[n + 1]!)])),
      )
      assert.equal(grants(answers.flat()).filter(Boolean).length, 1)
    }),
    fact('concurrency: places that come and go under eight callers are never more than the limit', async (c) => {
      const { tasks, place } = await holding(c, 40)
      const callers = await c.callers(8)
      let inside = 0
      let most = 0
      const work = async (backend: (typeof callers)[number], mine: readonly ClaimedTask[]): Promise<void> => {
        for (const task of mine) {
          await c.until('a place', async () => {
            const [answer] = await c.with('acquire', backend).acquire([place(3, task)])
            return answer!.granted || undefined
          })
          inside += 1
          most = Math.max(most, inside)
          await c.applied(progress(task))
          inside -= 1
          await c.applied(ENDING_KINDS['done']!(task))
        }
      }
      await Promise.all(callers.map((backend, n) => work(backend, tasks.slice(n * 5, n * 5 + 5))))
      assert.ok(most <= 3, `${most} were inside at once`)
      assert.ok(most >= 1)
    }),
    fact('rate: a bucket grants what it holds, then none', async (c) => {
      const token: LimitRequest = { kind: 'rate', key: uuidv7(), limit: 3, periodMs: HOUR }
      const answers = await acquire(c, token, token, token, token)
      assert.deepEqual(grants(answers), [true, true, true, false])
      assert.deepEqual(
        answers.slice(0, 3).map(({ retryAfterMs }) => retryAfterMs),
        [0, 0, 0],
      )
      const wait = answers[3]!.retryAfterMs
      assert.ok(wait > 0 && wait <= HOUR / 3 + 1, `the next token is due in ${HOUR / 3} ms, not in ${wait}`)
    }),
    fact('rate: what is refused takes nothing', async (c) => {
      const token: LimitRequest = { kind: 'rate', key: uuidv7(), limit: 1, periodMs: HOUR }
      await acquire(c, token)
      const [first] = await acquire(c, token)
      assert.equal(first!.granted, false)
      for (let n = 0; n < 5; n++) await acquire(c, token)
      const [last] = await acquire(c, token)
      assert.ok(last!.retryAfterMs <= first!.retryAfterMs + 1, 'asking makes it no later')
    }),
    fact('rate: after the time it names a token is there', async (c) => {
      const token: LimitRequest = { kind: 'rate', key: uuidv7(), limit: 1, periodMs: c.span }
      const [, { granted, retryAfterMs } = { granted: true, retryAfterMs: 0 }] = await acquire(c, token, token)
      assert.ok(!granted && retryAfterMs > 0 && retryAfterMs <= c.span, `${granted}, again in ${retryAfterMs} ms`)
      await c.pass(retryAfterMs + 1)
      assert.deepEqual(await acquire(c, token), [{ granted: true, retryAfterMs: 0 }])
    }),
    fact(
      'rate: tokens come back evenly',
      async (c) => {
        const token: LimitRequest = { kind: 'rate', key: uuidv7(), limit: 10, periodMs: 60_000 }
        await acquire(c, ...Array<LimitRequest>(10).fill(token))
        await c.pass(30_000)
        const answers = grants(await acquire(c, ...Array<LimitRequest>(6).fill(token)))
        assert.deepEqual(answers, [true, true, true, true, true, false])
      },
      'advance',
    ),
    fact(
      'rate: a bucket holds no more than its limit, however long nobody asks',
      async (c) => {
        const token: LimitRequest = { kind: 'rate', key: uuidv7(), limit: 2, periodMs: 1_000 }
        await acquire(c, token)
        await c.pass(60_000)
        assert.deepEqual(grants(await acquire(c, token, token, token)), [true, true, false])
      },
      'advance',
    ),
    fact('rate: keys are buckets of their own', async (c) => {
      const bucket = (): LimitRequest => ({ kind: 'rate', key: uuidv7(), limit: 1, periodMs: HOUR })
      const [one, two] = [bucket(), bucket()]
      assert.deepEqual(grants(await acquire(c, one, two, one, two, bucket())), [true, true, false, false, true])
    }),
    fact('rate: eight callers at once get as many tokens as there are', async (c) => {
      const token: LimitRequest = { kind: 'rate', key: uuidv7(), limit: 5, periodMs: HOUR }
      const callers = await c.callers(8)
      const answers = await Promise.all(callers.map((backend) => c.with('acquire', backend).acquire([token, token])))
      assert.equal(grants(answers.flat()).filter(Boolean).length, 5)
    }),
    fact('requests of both kinds and several keys share a call, and one refused hurts no other', async (c) => {
      const { tasks, place } = await holding(c, 2)
      const token: LimitRequest = { kind: 'rate', key: uuidv7(), limit: 1, periodMs: HOUR }
      const requests = [token, place(1, tasks[0]!), token, place(1, tasks[1]!), { ...token, key: uuidv7() }]
      assert.deepEqual(grants(await acquire(c, ...requests)), [true, true, false, false, true])
    }),
    fact('asking for nothing is answered with nothing', async (c) => {
      assert.deepEqual(await acquire(c), [])
    }),
    fact(
      'two processes share one limit',
      async (c) => {
        const second = await c.second()
        const { tasks, place } = await holding(c, 2)
        const token: LimitRequest = { kind: 'rate', key: uuidv7(), limit: 1, periodMs: HOUR }
        assert.deepEqual(grants(await acquire(c, place(1, tasks[0]!), token)), [true, true])
        assert.deepEqual(grants(await c.with('acquire', second).acquire([place(1, tasks[1]!), token])), [false, false])
        await second.settle([ENDING_KINDS['done']!(tasks[0]!)])
        assert.deepEqual(grants(await acquire(c, place(1, tasks[1]!))), [true])
      },
      'second',
    ),
  ],
  'acquire',
)

interface Holding {
  readonly tasks: readonly ClaimedTask[]
  readonly holder: Awaited<ReturnType<CaseContext['instance']>>
  /** The key of a limit that no other case uses. */
  readonly key: string
  readonly place: (limit: number, task: ClaimedTask) => LimitRequest
  /** Asks for a place for each task, in one call. */
  readonly ask: (limit: number, tasks: readonly ClaimedTask[]) => Promise<boolean[]>
}

/** Tasks that one instance holds. */
async function holding(c: CaseContext, count: number): Promise<Holding> {
  await c.pushed(count)
  const holder = await c.instance()
  const tasks = await holder.take(count)
  const key = `limit-${uuidv7()}`
  const place = (limit: number, task: ClaimedTask): LimitRequest => ({
    kind: 'concurrency',
    key,
    limit,
    ...claimOf(task),
  })
  const ask: Holding['ask'] = async (limit, asking) =>
    grants(await acquire(c, ...asking.map((task) => place(limit, task))))
  return { tasks, holder, key, place, ask }
}

function acquire(c: CaseContext, ...requests: readonly LimitRequest[]): Promise<readonly LimitAnswer[]> {
  return c.with('acquire').acquire(requests)
}

function claimOf({ id, token }: ClaimedTask): { readonly id: string; readonly token: string } {
  return { id, token }
}

function grants(answers: readonly LimitAnswer[]): boolean[] {
  return answers.map(({ granted }) => granted)
}
