/** The capability `fetchById`: one task in any status, with every field. */
import assert from 'node:assert/strict'
import { required, uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { sameBytes } from '../check.ts'
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
  text,
} from '../sample.ts'

export const fetchByIdCases: readonly ConformanceCase[] = section(
  'fetchById',
  [
    fact('an unknown id is null', async (c) => {
      assert.equal(await required(c.backend, 'fetchById').fetchById(uuidv7()), null)
    }),
    fact('a pushed task is pending, with everything it was pushed with', async (c) => {
      const [pushed] = await c.push({
        priority: -7,
        maxAttempts: 3,
        metadata: { a: 'b' },
        payload: { codec: 'raw', bytes: EVERY_BYTE },
      })
      const { payload, createdAt, runAt, metadata, ...rest } = await c.stored(pushed!.id)
      assert.deepEqual(rest, {
        id: pushed!.id,
        queue: c.queue,
        status: 'pending',
        attempt: 0,
        crashes: 0,
        maxAttempts: 3,
        priority: -7,
        finishedAt: null,
        result: null,
        error: null,
        timeoutMs: null,
        deadline: null,
        cancelling: false,
        progress: null,
      })
      assert.deepEqual({ ...metadata }, { a: 'b' })
      assert.equal(payload.codec, 'raw')
      sameBytes(payload.bytes, EVERY_BYTE, 'payload')
      assert.equal(runAt, createdAt)
    }),
    fact('a scheduled task is pending with its time ahead', async (c) => {
      const [pushed] = await c.push({ due: { afterMs: HOUR } })
      const { status, createdAt, runAt, metadata, maxAttempts } = await c.stored(pushed!.id)
      assert.deepEqual([status, metadata, maxAttempts], ['pending', null, null])
      assert.ok(Math.abs(runAt - createdAt - HOUR) < 1, `${runAt} is not an hour after ${createdAt}`)
    }),
    fact('a claimed task is queued, with its attempt counted', async (c) => {
      const { task } = await c.claimed()
      const { status, attempt, runAt } = await c.stored(task.id)
      assert.deepEqual([status, attempt, runAt], ['queued', 1, task.runAt])
    }),
    fact('a task named by a beat is running, the others of its claim stay queued', async (c) => {
      await c.pushed(2)
      const holder = await c.instance()
      const [busy, waiting] = await holder.take(2)
      await holder.beat([busy!])
      assert.equal((await c.stored(busy!.id)).status, 'running')
      assert.equal((await c.stored(waiting!.id)).status, 'queued')
      await holder.beat([])
      assert.equal((await c.stored(busy!.id)).status, 'running')
    }),
    fact('a beat under a token that is not current shows nothing as running', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(released(task))
      await holder.beat([task])
      assert.equal((await c.stored(task.id)).status, 'pending')
      await holder.one()
      await holder.beat([task])
      assert.equal((await c.stored(task.id)).status, 'queued')
    }),
    fact('progress leaves a running task running', async (c) => {
      const { task, holder } = await c.claimed()
      await holder.beat([task])
      await c.applied(progress(task))
      assert.equal((await c.stored(task.id)).status, 'running')
    }),
    fact('a failed task waits with its error and the time of its next attempt', async (c) => {
      const { task } = await c.claimed()
      await c.applied(failed(task, { retryAfterMs: HOUR }))
      const stored = await c.stored(task.id)
      assert.deepEqual([stored.status, stored.attempt, stored.error, stored.finishedAt], ['failed', 1, BOOM, null])
      assert.ok(stored.runAt >= task.runAt + HOUR)
    }),
    fact('a released task stands as before its claim', async (c) => {
      const { task, holder } = await c.claimed()
      const before = { status: 'pending', attempt: 0, runAt: task.runAt, error: null }
      await c.applied(released(task))
      const { status, attempt, runAt, error } = await c.stored(task.id)
      assert.deepEqual({ status, attempt, runAt, error }, before)
      await c.applied(failed(await holder.one()))
      await c.applied(released(await holder.one()))
      const again = await c.stored(task.id)
      assert.deepEqual([again.status, again.attempt, again.error], ['failed', 1, BOOM])
    }),
    fact('a deferred task waits with its attempt given back', async (c) => {
      const { task } = await c.claimed()
      await c.applied(deferred(task, { afterMs: HOUR }))
      const { status, attempt, runAt } = await c.stored(task.id)
      assert.deepEqual([status, attempt], ['pending', 0])
      assert.ok(runAt >= task.runAt + HOUR)
    }),
    fact('a task taken back from a dead worker is failed, with its crash and a reason', async (c) => {
      const [task] = await c.pushed(1)
      await c.crash()
      const { status, attempt, crashes, error } = await c.stored(task!.id)
      assert.deepEqual([status, attempt, crashes], ['failed', 1, 1])
      assert.equal(error?.code, 'ERR_CRASHED')
    }),
    fact('a task whose worker deregistered is pending again', async (c) => {
      const { task, holder } = await c.claimed()
      await holder.beat([task])
      await c.backend.deregister(holder.id)
      const { status, attempt, crashes } = await c.stored(task.id)
      assert.deepEqual([status, attempt, crashes], ['pending', 0, 0])
    }),
    fact('a done task keeps its result and tells when it finished', async (c) => {
      const { task } = await c.claimed({ metadata: { a: 'b' }, maxAttempts: 4, priority: 2 })
      await c.applied(done(task, { result: text('42') }))
      const stored = await c.stored(task.id)
      const { status, attempt, crashes, priority, maxAttempts, error, finishedAt } = stored
      assert.deepEqual(
        { status, attempt, crashes, priority, maxAttempts, error },
        { status: 'done', attempt: 1, crashes: 0, priority: 2, maxAttempts: 4, error: null },
      )
      assert.ok(finishedAt !== null && finishedAt >= stored.createdAt)
      assert.equal(finishedAt, (await c.outcome(task.id)).finishedAt)
      sameBytes(stored.result?.bytes, text('42').bytes, 'result')
      sameBytes(stored.payload.bytes, task.payload.bytes, 'payload')
      assert.deepEqual({ ...stored.metadata }, { a: 'b' })
    }),
    fact('a killed and a cancelled task keep their errors', async (c) => {
      await c.pushed(3)
      const [a, b, d] = await (await c.instance()).take(3)
      await c.applied(killed(a!), cancelled(b!, { error: BOOM }), cancelled(d!))
      const stored = [await c.stored(a!.id), await c.stored(b!.id), await c.stored(d!.id)]
      assert.deepEqual(
        stored.map(({ status, error, result }) => [status, error, result]),
        [
          ['killed', BOOM, null],
          ['cancelled', BOOM, null],
          ['cancelled', null, null],
        ],
      )
      for (const { finishedAt } of stored) assert.notEqual(finishedAt, null)
    }),
    fact('a task killed by the sweep keeps its crashes and its reason', async (c) => {
      const [task] = await c.pushed(1, { maxAttempts: 1 })
      await c.crash()
      const { status, attempt, crashes, error, finishedAt } = await c.stored(task!.id)
      assert.deepEqual([status, attempt, crashes], ['killed', 1, 1])
      assert.equal(error?.code, 'ERR_CRASHED')
      assert.notEqual(finishedAt, null)
    }),
  ],
  'fetchById',
)
