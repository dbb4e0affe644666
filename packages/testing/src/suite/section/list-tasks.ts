/** The capability `listTasks`: every task exactly once, in one order, whatever the size of the pages. */
import assert from 'node:assert/strict'
import type { StoredTask, TaskFilter } from '@q/core'
import { STATUSES } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, rejects, sameBytes, sameIds } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { MOVES } from '../moves.ts'
import { everyItem } from '../paging.ts'
import { cancelled, done, failed, HOUR, killed, marked, text } from '../sample.ts'

export const listTasksCases: readonly ConformanceCase[] = section(
  'listTasks',
  [
    fact('a queue that nobody ever pushed to lists nothing', async (c) => {
      assert.deepEqual(await all(c), [])
    }),
    fact('tasks that have not ended come by their time, then those that ended, the latest first', async (c) => {
      const [a, b, d, e, f] = await c.push({}, {}, { priority: -1 }, { due: { afterMs: HOUR } }, { priority: -2 })
      const holder = await c.instance()
      const [first, second] = await holder.take(2)
      await c.applied(done(first!))
      await c.pass(5)
      await c.applied(killed(second!))
      assert.deepEqual([first!.id, second!.id], [a!.id, b!.id])
      assert.deepEqual(idsOf(await all(c)), idsOf([d!, f!, e!, b!, a!]))
    }),
    fact('a task that is held stands at the time at which it was due', async (c) => {
      const [a] = await c.pushed(1)
      await c.pass(5)
      const [b] = await c.pushed(1, { priority: 9 })
      const holder = await c.instance()
      await holder.one()
      assert.deepEqual(idsOf(await all(c)), idsOf([a!, b!]))
    }),
    ...[1, 2, 3, 7, 200].map((limit) =>
      fact(`pages of ${limit} hold every task exactly once, in one order`, async (c) => {
        await mixed(c)
        const whole = await all(c)
        assert.equal(new Set(idsOf(whole)).size, 34)
        assert.deepEqual(idsOf(await all(c, {}, limit)), idsOf(whole))
      }),
    ),
    fact('without a limit a page holds fifty', async (c) => {
      await c.pushed(60)
      const list = c.with('listTasks')
      const { items, next } = await list.listTasks({ queue: c.queue })
      assert.ok(items.length <= 50, `${items.length} items`)
      assert.notEqual(next, null)
      assert.equal((await all(c)).length, 60)
    }),
    fact('a page asked for again is the same', async (c) => {
      await mixed(c)
      const list = c.with('listTasks')
      const first = await list.listTasks({ queue: c.queue }, { limit: 5 })
      const page = { limit: 5, cursor: first.next! }
      assert.deepEqual(await list.listTasks({ queue: c.queue }, page), await list.listTasks({ queue: c.queue }, page))
    }),
    fact('what changes between two pages does not hide or repeat the rest', async (c) => {
      const tasks = await c.pushed(20)
      const holder = await c.instance()
      const list = c.with('listTasks')
      const seen: StoredTask[] = []
      let cursor: string | null = null
      do {
        const page = await list.listTasks({ queue: c.queue }, { limit: 4, ...(cursor === null ? {} : { cursor }) })
        seen.push(...page.items)
        cursor = page.next
        await c.applied(done(await holder.one()))
        await c.push({ priority: -50 })
      } while (cursor !== null && seen.length < 100)
      const steady = idsOf(tasks).filter(
        (id) => seen.filter((task) => task.id === id && task.status === 'pending').length,
      )
      assert.ok(steady.length >= 14, `${steady.length} of 20 were seen waiting`)
      for (const { id } of tasks)
        assert.ok(
          seen.some((task) => task.id === id),
          `task ${id} is in no page`,
        )
    }),
    ...MOVES.map(({ name, run, needs }) =>
      fact(
        `after ${name} each status lists its own`,
        async (c) => {
          const { counts } = await run(c)
          const tasks = await all(c)
          for (const status of STATUSES) {
            const own = await all(c, { status })
            assert.equal(own.length, counts[status] ?? 0, status)
            sameIds(
              own,
              tasks.filter((task) => task.status === status),
            )
          }
          assert.equal((await all(c, { status: 'scheduled' })).length, counts.scheduled ?? 0, 'scheduled')
        },
        ...needs,
      ),
    ),
    ...(['failed', 'queued', 'done', 'killed', 'scheduled'] as const).map((status) =>
      fact(`pages of ${status} tasks hold each exactly once`, async (c) => {
        await mixed(c)
        const whole = await all(c, { status })
        assert.ok(whole.length > 2)
        assert.deepEqual(idsOf(await all(c, { status }, 2)), idsOf(whole))
        const inside = new Set(idsOf(whole))
        assert.deepEqual(
          idsOf(whole),
          idsOf(await all(c)).filter((id) => inside.has(id)),
        )
      }),
    ),
    fact('tasks are found by the fingerprint of their last error', async (c) => {
      await c.pushed(3)
      const [a, b, d] = await (await c.instance()).take(3)
      const [one, two] = [marked('disk full'), marked('out of paper')]
      await c.applied(
        killed(a!, { error: one }),
        failed(b!, { error: one, retryAfterMs: HOUR }),
        killed(d!, { error: two }),
      )
      sameIds(await all(c, { fingerprint: one.fingerprint }, 1), [a!, b!])
      sameIds(await all(c, { fingerprint: one.fingerprint, status: 'killed' }), [a!])
      sameIds(await all(c, { fingerprint: two.fingerprint }), [d!])
      assert.deepEqual(await all(c, { fingerprint: 'ffffffffffffffff' }), [])
    }),
    fact('tasks are found by when they were pushed, the start included and the end not', async (c) => {
      const before = await c.pushed(2)
      await c.pass(20)
      const [middle] = await c.pushed(1)
      await c.pass(20)
      const after = await c.pushed(2)
      const tasks = await all(c)
      const at = tasks.find(({ id }) => id === middle!.id)!.createdAt
      sameIds(await all(c, { createdFrom: at }), [middle!, ...after])
      sameIds(await all(c, { createdTo: at }), before)
      sameIds(await all(c, { createdFrom: at, createdTo: at + 5 }), [middle!])
      assert.deepEqual(await all(c, { createdFrom: at, createdTo: at }), [])
    }),
    fact('without a queue the tasks of all queues are listed', async (c) => {
      const other = c.newQueue()
      const tasks = await c.push({}, { queue: other })
      const { createdAt } = (await all(c))[0]!
      const list = c.with('listTasks')
      const found = await everyItem((page) => list.listTasks({ createdFrom: createdAt, status: 'pending' }, page))
      for (const { id } of tasks) assert.ok(idsOf(found).includes(id), `task ${id} should be listed`)
      sameIds(await all(c), [tasks[0]!])
    }),
    fact('an item tells all there is to tell', async (c) => {
      const pushed = { priority: -7, maxAttempts: 3, metadata: { a: 'b' }, payload: text('work'), timeoutMs: 900 }
      const { task } = await c.claimed({ ...pushed, deadline: { afterMs: HOUR } })
      await c.applied(done(task, { result: text('42'), ranMs: 5 }))
      const [item] = await all(c)
      const { payload, result, metadata, createdAt, finishedAt, deadline, runAt, ...rest } = item!
      assert.deepEqual(rest, {
        id: task.id,
        queue: c.queue,
        status: 'done',
        attempt: 1,
        crashes: 0,
        maxAttempts: 3,
        priority: -7,
        error: null,
        timeoutMs: 900,
        cancelling: false,
        progress: null,
      })
      sameBytes(payload.bytes, text('work').bytes, 'payload')
      sameBytes(result?.bytes, text('42').bytes, 'result')
      assert.deepEqual({ ...metadata }, { a: 'b' })
      assert.equal(runAt, task.runAt)
      assert.ok(finishedAt !== null && finishedAt >= createdAt && deadline !== null && deadline > createdAt)
    }),
    fact(
      'an item is the task as it is fetched by its id',
      async (c) => {
        await mixed(c)
        for (const item of await all(c)) assert.deepEqual(await c.stored(item.id), item)
      },
      'fetchById',
    ),
    fact('a limit out of range is refused', async (c) => {
      for (const limit of [0, -1, 201, 1.5, Number.NaN])
        await rejects('ERR_OPTION', c.with('listTasks').listTasks({ queue: c.queue }, { limit }))
    }),
    fact('a cursor that no page gave is refused', async (c) => {
      await c.pushed(3)
      for (const cursor of ['', 'x', '0', '{}', 'null', "';--", '\u{1f600}', 'a'.repeat(5_000)])
        await rejects('ERR_OPTION', c.with('listTasks').listTasks({ queue: c.queue }, { cursor }))
    }),
    fact('the cursor of another list is refused or harmless', async (c) => {
      const other = c.newQueue()
      await c.pushed(5)
      await c.pushed(5, { queue: other })
      const list = c.with('listTasks')
      const { next } = await list.listTasks({ queue: other }, { limit: 2 })
      assert.ok(next !== null)
      const page = await list.listTasks({ queue: c.queue }, { cursor: next }).catch(async (error: unknown) => {
        await rejects('ERR_OPTION', Promise.reject(error))
        return null
      })
      for (const { queue } of page?.items ?? []) assert.equal(queue, c.queue)
    }),
    fact(
      'another process lists the same and understands the same cursors',
      async (c) => {
        await mixed(c)
        const whole = await all(c)
        const [here, there] = [c.with('listTasks'), c.with('listTasks', await c.second())]
        const first = await here.listTasks({ queue: c.queue }, { limit: 10 })
        const rest = await everyItem((page) => there.listTasks({ queue: c.queue }, { cursor: first.next!, ...page }))
        assert.deepEqual(idsOf([...first.items, ...rest]), idsOf(whole))
      },
      'second',
    ),
  ],
  'listTasks',
)

function all(c: CaseContext, filter: TaskFilter = {}, limit?: number): Promise<StoredTask[]> {
  const list = c.with('listTasks')
  return everyItem((page) => list.listTasks({ queue: c.queue, ...filter }, page), limit)
}

/** 34 tasks in every status, of several priorities, many with the same time. */
async function mixed(c: CaseContext): Promise<void> {
  await c.pushed(10, { priority: 2 })
  await c.pushed(12)
  await c.pushed(4, { due: { afterMs: HOUR } })
  const holder = await c.instance()
  const tasks = await holder.take(22)
  const [first, ...rest] = tasks
  await holder.beat([first!])
  await c.applied(
    ...rest.slice(0, 5).map((task) => done(task)),
    ...rest.slice(5, 9).map((task) => killed(task)),
    ...rest.slice(9, 11).map((task) => cancelled(task)),
    ...rest.slice(11, 15).map((task) => failed(task, { retryAfterMs: HOUR })),
  )
  await c.pass(5)
  await c.applied(...rest.slice(15, 17).map((task) => done(task)))
  await c.pushed(8, { priority: -1 })
}
