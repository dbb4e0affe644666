/** Claiming together: whoever claims at the same time, no task has two holders. */
import assert from 'node:assert/strict'
import type { Backend, ClaimedTask, NewTask } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, lots, sameIds, started } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { deferred, done, failed, progress, released } from '../sample.ts'

/** More claims than any of these cases needs; a broken backend must not keep one from ending. */
const MANY = 2_000

export const exclusivityCases: readonly ConformanceCase[] = section('exclusive claims', [
  fact('eight claimers at once never share a task and leave none', async (c) => {
    const tasks = await c.pushed(400)
    sameIds(
      await claimAll(
        c,
        Array.from({ length: 8 }, () => c.backend),
      ),
      tasks,
    )
  }),
  fact(
    'claimers in two processes never share a task and leave none',
    async (c) => {
      const tasks = await c.pushed(400)
      sameIds(await claimAll(c, await c.callers(8)), tasks)
    },
    'second',
  ),
  fact('one instance that claims twice at once gets different tasks', async (c) => {
    const tasks = await c.pushed(40)
    const instance = await c.instance()
    const claims = await Promise.all([instance.claim(15), instance.claim(15)])
    assert.equal(new Set(idsOf(claims.flat())).size, claims.flat().length)
    sameIds([...claims.flat(), ...(await instance.take(40 - claims.flat().length))], tasks)
  }),
  fact('a task that is held is not handed out again', async (c) => {
    const { task, holder } = await c.claimed()
    const another = await c.instance()
    await another.findsNothing()
    await holder.findsNothing()
    await holder.beat([task])
    await another.findsNothing()
    await c.applied(done(task))
  }),
  fact('claimers of overlapping sets of queues never share a task', async (c) => {
    const queues = Array.from({ length: 6 }, () => c.newQueue())
    const tasks = (await Promise.all(queues.map((queue) => c.pushed(30, { queue })))).flat()
    const claimed = await Promise.all(
      (await c.callers(6)).map(async (backend, index) => {
        const instance = await c.instance(backend)
        const own = [...queues.slice(index), ...queues.slice(0, index)].slice(0, 4)
        const { tasks: got } = await instance.request(...own.map((queue) => ({ queue, limit: 30 })))
        return got
      }),
    )
    assert.equal(new Set(idsOf(claimed.flat())).size, claimed.flat().length)
    const rest = await c.instance()
    const left = await rest.request(...queues.map((queue) => ({ queue, limit: 1_000 })))
    sameIds([...claimed.flat(), ...left.tasks], tasks)
  }),
  fact('tasks pushed while others claim are each handed out once', async (c) => {
    const callers = await c.callers(4)
    const pushed: NewTask[] = []
    let pushing = true
    const push = async (): Promise<void> => {
      try {
        for (let batch = 0; batch < 20; batch++) pushed.push(...(await c.pushed(10)))
      } finally {
        pushing = false
      }
    }
    const claim = async (backend: Backend<unknown>): Promise<ClaimedTask[]> => {
      const instance = await c.instance(backend)
      const mine: ClaimedTask[] = []
      while (pushing) mine.push(...(await instance.claim(7)))
      return mine
    }
    const claims = started(Promise.all(callers.map(claim)))
    await push()
    const claimed = (await claims).flat()
    const rest = await (await c.instance()).take(pushed.length - new Set(idsOf(claimed)).size)
    sameIds([...claimed, ...rest], pushed)
  }),
  ...[1, 2, 3].map((seed) =>
    fact(`at random, 300 tasks have one holder at a time and are done once (seed ${seed})`, async (c) => {
      const draw = lots(seed)
      const tasks = await c.pushed(300)
      const held = new Set<string>()
      const tokens = new Set<string>()
      const finished: string[] = []
      const work = async (backend: Backend<unknown>): Promise<void> => {
        const instance = await c.instance(backend)
        for (let rounds = 0; finished.length < tasks.length; rounds++) {
          assert.ok(rounds < MANY, 'tasks are missing that nobody has finished')
          const claimed = await instance.claim(1 + Math.floor(draw() * 40))
          for (const { id, token } of claimed) {
            assert.ok(!held.has(id), `task ${id} was handed out while it was held`)
            held.add(id)
            assert.ok(!tokens.has(`${id} ${token}`), `token ${token} was issued twice for task ${id}`)
            tokens.add(`${id} ${token}`)
          }
          const settlements = claimed.map((task) => {
            const lot = draw()
            if (lot < 0.15) return released(task)
            if (lot < 0.3) return failed(task)
            if (lot < 0.4) return deferred(task)
            if (lot < 0.45) return progress(task)
            return done(task)
          })
          const over = settlements.filter(({ kind }) => kind !== 'progress')
          const kept = claimed.filter(({ id }) => !over.some((settlement) => settlement.id === id))
          for (const { id } of over) held.delete(id)
          await c.applied(...settlements)
          finished.push(...idsOf(over.filter(({ kind }) => kind === 'done')))
          for (const { id } of kept) held.delete(id)
          await c.applied(...kept.map((task) => done(task)))
          finished.push(...idsOf(kept))
          if (claimed.length === 0) await c.pass(1)
        }
      }
      await Promise.all((await c.callers(8)).map(work))
      assert.deepEqual(finished.sort(), idsOf(tasks).sort())
    }),
  ),
])

async function claimAll(c: CaseContext, backends: readonly Backend<unknown>[]): Promise<ClaimedTask[]> {
  const claims = await Promise.all(
    backends.map(async (backend, index) => {
      const instance = await c.instance(backend)
      const mine: ClaimedTask[] = []
      // Others may hold what is left for a moment, so one empty claim is not the end.
      for (let empty = 0, rounds = 0; empty < 3; rounds++) {
        assert.ok(rounds < MANY, 'there is always one more task to claim')
        const tasks = await instance.claim(5 + 3 * index)
        mine.push(...tasks)
        empty = tasks.length === 0 ? empty + 1 : 0
      }
      return mine
    }),
  )
  return claims.flat()
}
