/** The capability `countTasks`: counts are exact where that is cheap, whatever way the tasks went. */
import assert from 'node:assert/strict'
import type { TaskFilter } from '@q/core'
import { STATUSES } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import type { CaseContext } from '../context.ts'
import { MOVES } from '../moves.ts'
import { failed, HOUR, killed, marked } from '../sample.ts'

export const countTasksCases: readonly ConformanceCase[] = section(
  'countTasks',
  [
    fact('a queue that nobody ever pushed to has none of any status', async (c) => {
      for (const status of STATUSES) assert.equal(await count(c, { status }), 0)
      assert.equal(await count(c, {}), 0)
      assert.equal(await count(c, { fingerprint: '0123456789abcdef' }), 0)
    }),
    ...MOVES.map(({ name, run, needs }) =>
      fact(
        `after ${name} every status counts exactly its own`,
        async (c) => {
          const { counts } = await run(c)
          for (const status of [...STATUSES, 'scheduled'] as const)
            assert.equal(await count(c, { status }), counts[status] ?? 0, status)
          const all = STATUSES.reduce((sum, status) => sum + (counts[status] ?? 0), 0)
          assert.equal(await count(c, {}), all, 'all together')
        },
        ...needs,
      ),
    ),
    fact('a scheduled task that has come due is scheduled no more', async (c) => {
      await c.pushed(2, { due: { afterMs: c.span } })
      await c.pass(c.span + 5)
      assert.deepEqual([await count(c, { status: 'scheduled' }), await count(c, { status: 'pending' })], [0, 2])
    }),
    fact('tasks are counted by the fingerprint of their last error', async (c) => {
      await c.pushed(4)
      const holder = await c.instance()
      const [a, b, d, e] = await holder.take(4)
      const [one, two] = [marked('disk full'), marked('out of paper')]
      await c.applied(
        failed(a!, { error: one, retryAfterMs: HOUR }),
        killed(b!, { error: one }),
        killed(d!, { error: two }),
        failed(e!, { error: one }),
      )
      await c.applied(killed(await holder.one(), { error: two }))
      assert.equal(await count(c, { fingerprint: one.fingerprint }), 2)
      assert.equal(await count(c, { fingerprint: two.fingerprint }), 2)
      assert.equal(await count(c, { fingerprint: one.fingerprint, status: 'failed' }), 1)
      assert.equal(await count(c, { fingerprint: two.fingerprint, status: 'killed' }), 2)
    }),
    fact('tasks are counted by when they were pushed', async (c) => {
      await c.pushed(2)
      await c.pass(20)
      const middle = await c.now()
      await c.pass(20)
      await c.pushed(3)
      assert.equal(await count(c, { createdTo: middle }), 2)
      assert.equal(await count(c, { createdFrom: middle }), 3)
      assert.equal(await count(c, { createdFrom: middle, status: 'pending' }), 3)
      assert.equal(await count(c, { createdFrom: middle, createdTo: middle }), 0)
    }),
    fact('all queues together have at least what one has', async (c) => {
      await c.pushed(3)
      const { value } = await c.with('countTasks').countTasks({})
      assert.ok(value >= 3, `${value} tasks in all`)
    }),
  ],
  'countTasks',
)

/** The exact count of the case's queue. */
async function count(c: CaseContext, filter: TaskFilter): Promise<number> {
  const { value, kind } = await c.with('countTasks').countTasks({ queue: c.queue, ...filter })
  assert.equal(kind, 'exact')
  return value
}
