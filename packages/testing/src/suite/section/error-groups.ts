/** The capability `listErrorGroups`: failures that look alike are counted as one. */
import assert from 'node:assert/strict'
import type { ErrorGroup } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, rejects } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { everyItem } from '../paging.ts'
import { cancelled, done, failed, killed, marked, released } from '../sample.ts'

const DISK = marked('disk full')
const PAPER = marked('out of paper')

export const errorGroupsCases: readonly ConformanceCase[] = section(
  'listErrorGroups',
  [
    fact('a queue where nothing failed has none', async (c) => {
      await c.pushed(3)
      const [a, b, d] = await (await c.instance()).take(3)
      await c.applied(done(a!), released(b!), cancelled(d!))
      assert.deepEqual(await groups(c), [])
    }),
    fact('a failure makes a group that tells what it was and names its task', async (c) => {
      const before = await c.now()
      const { task } = await c.claimed()
      await c.applied(failed(task, { error: DISK }))
      const [group, ...more] = await groups(c)
      assert.deepEqual(more, [])
      const { firstAt, lastAt, ...rest } = group!
      assert.deepEqual(rest, {
        fingerprint: DISK.fingerprint,
        queue: c.queue,
        name: 'MarkedError',
        message: 'disk full',
        count: 1,
        sample: task.id,
      })
      assert.ok(firstAt >= before && lastAt === firstAt)
    }),
    fact('failures that look alike are one group, whatever ended their tasks', async (c) => {
      await c.pushed(3)
      const holder = await c.instance()
      const tasks = await holder.take(3)
      await c.applied(failed(tasks[0]!, { error: DISK }), killed(tasks[1]!, { error: DISK }))
      await c.pass(20)
      await c.applied(failed(tasks[2]!, { error: DISK }))
      const [group, ...more] = await groups(c)
      assert.deepEqual(more, [])
      assert.equal(group!.count, 3)
      assert.ok(idsOf(tasks).includes(group!.sample))
      assert.ok(group!.lastAt > group!.firstAt)
    }),
    fact('every failed attempt of a task counts', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(failed(task, { error: DISK }))
      for (let n = 0; n < 3; n++) await c.applied(failed(await holder.one(), { error: DISK }))
      await c.applied(done(await holder.one()))
      assert.equal((await groups(c))[0]!.count, 4)
    }),
    fact('many failures in one call are counted, each for its own group', async (c) => {
      await c.pushed(30)
      const tasks = await (await c.instance()).take(30)
      await c.applied(...tasks.map((task, n) => failed(task, { error: n % 3 === 0 ? PAPER : DISK })))
      assert.deepEqual(await counts(c), { [DISK.fingerprint]: 20, [PAPER.fingerprint]: 10 })
    }),
    fact('a settlement that is repeated or stale counts nothing', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(failed(task, { error: DISK }))
      await c.settle(failed(task, { error: DISK }))
      await holder.one()
      await c.settle(failed(task, { error: PAPER }))
      assert.deepEqual(await counts(c), { [DISK.fingerprint]: 1 })
    }),
    fact('each queue has groups of its own', async (c) => {
      const other = c.newQueue()
      for (const queue of [c.queue, other]) {
        const { task } = await c.claimed({ queue })
        await c.applied(killed(task, { error: DISK }))
      }
      assert.deepEqual(
        (await groups(c)).map(({ queue, count }) => [queue, count]),
        [[c.queue, 1]],
      )
      const list = c.with('listErrorGroups')
      const everywhere = await everyItem((page) => list.listErrorGroups({}, page), 200)
      for (const queue of [c.queue, other]) assert.equal(everywhere.filter((group) => group.queue === queue).length, 1)
    }),
    fact('the latest come first', async (c) => {
      const { holder, task } = await c.claimed()
      await c.applied(failed(task, { error: DISK }))
      await c.pass(20)
      await c.applied(failed(await holder.one(), { error: PAPER }))
      assert.deepEqual(
        (await groups(c)).map(({ message }) => message),
        ['out of paper', 'disk full'],
      )
      await c.pass(20)
      await c.applied(failed(await holder.one(), { error: DISK }))
      assert.deepEqual(
        (await groups(c)).map(({ message }) => message),
        ['disk full', 'out of paper'],
      )
    }),
    fact('pages hold every group exactly once', async (c) => {
      await c.pushed(11)
      const tasks = await (await c.instance()).take(11)
      await c.applied(...tasks.map((task, n) => killed(task, { error: marked(`error ${'abcdefghijk'[n]}`) })))
      const whole = (await groups(c)).map(({ fingerprint }) => fingerprint)
      assert.equal(new Set(whole).size, 11)
      for (const limit of [1, 4, 200])
        assert.deepEqual(
          (await groups(c, limit)).map(({ fingerprint }) => fingerprint),
          whole,
        )
    }),
    fact('errors with awkward or long texts are grouped and hurt nothing', async (c) => {
      const errors = [marked(`"it's" \\ $1 {} --\n\u{1f600}`), marked('x'.repeat(8_192)), { name: 'E', message: '' }]
      await c.pushed(errors.length)
      const tasks = await (await c.instance()).take(errors.length)
      await c.applied(...tasks.map((task, n) => killed(task, { error: errors[n]! })))
      const found = await groups(c)
      for (const { fingerprint } of errors.slice(0, 2) as (typeof DISK)[])
        assert.equal(found.find((group) => group.fingerprint === fingerprint)?.count, 1)
    }),
    fact('failures at once, from eight callers, are all counted', async (c) => {
      await c.pushed(40)
      const tasks = await (await c.instance()).take(40)
      const callers = await c.callers(8)
      await Promise.all(tasks.map((task, n) => callers[n % 8]!.settle([failed(task, { error: DISK })])))
      assert.deepEqual(await counts(c), { [DISK.fingerprint]: 40 })
    }),
    fact('a limit out of range and a cursor that no page gave are refused', async (c) => {
      for (const page of [{ limit: 0 }, { limit: 201 }, { cursor: 'x' }])
        await rejects('ERR_OPTION', c.with('listErrorGroups').listErrorGroups({ queue: c.queue }, page))
    }),
    fact(
      'a failure that is rolled back is not counted',
      async (c) => {
        const { task } = await c.claimed()
        await c.transaction(async (tx) => {
          await c.backend.settle([failed(task, { error: DISK })], { tx })
        }, 'rollback')
        assert.deepEqual(await groups(c), [])
      },
      'transaction',
    ),
    fact(
      'another process sees the same',
      async (c) => {
        const second = await c.second()
        const { task } = await c.claimed()
        await c.applied(failed(task, { error: DISK }))
        const there = c.with('listErrorGroups', second)
        const seen = await everyItem((page) => there.listErrorGroups({ queue: c.queue }, page))
        assert.equal(seen.length, 1)
        assert.deepEqual(seen, await groups(c))
      },
      'second',
    ),
  ],
  'listErrorGroups',
)

function groups(c: CaseContext, limit?: number): Promise<ErrorGroup[]> {
  const list = c.with('listErrorGroups')
  return everyItem((page) => list.listErrorGroups({ queue: c.queue }, page), limit)
}

async function counts(c: CaseContext): Promise<Record<string, number>> {
  return Object.fromEntries((await groups(c)).map(({ fingerprint, count }) => [fingerprint, count]))
}
