/** Progress: the next attempt starts from the checkpoint of the last. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { sameBytes } from '../check.ts'
import { bytes, done, EVERY_BYTE, failed, progress, RETURN_KINDS } from '../sample.ts'

export const checkpointCases: readonly ConformanceCase[] = section('checkpoints', [
  fact('a task starts without a checkpoint', async (c) => {
    assert.equal((await c.claimed()).task.checkpoint, null)
  }),
  ...Object.entries(RETURN_KINDS).map(([kind, settle]) =>
    fact(`a checkpoint outlives ${kind}`, async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(progress(task, { checkpoint: EVERY_BYTE }))
      await c.applied(settle(task))
      sameBytes((await holder.one()).checkpoint, EVERY_BYTE, 'checkpoint')
    }),
  ),
  fact('a checkpoint outlives its worker', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(progress(task, { checkpoint: EVERY_BYTE }))
    await c.expire(holder)
    await c.sweepAll()
    sameBytes((await (await c.instance()).one()).checkpoint, EVERY_BYTE, 'checkpoint')
  }),
  fact('a checkpoint outlives deregistration', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(progress(task, { checkpoint: EVERY_BYTE }))
    await c.backend.deregister(holder.id)
    sameBytes((await (await c.instance()).one()).checkpoint, EVERY_BYTE, 'checkpoint')
  }),
  fact('the last checkpoint counts, within a batch too', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(progress(task, { checkpoint: bytes('one') }))
    await c.applied(
      progress(task, { checkpoint: bytes('two') }),
      progress(task, { checkpoint: bytes('three') }),
      failed(task),
    )
    sameBytes((await holder.one()).checkpoint, bytes('three'), 'checkpoint')
  }),
  fact('a checkpoint stays until it is replaced, attempt after attempt', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(progress(task, { checkpoint: bytes('kept') }), failed(task))
    await c.applied(failed(await holder.one()))
    sameBytes((await holder.one()).checkpoint, bytes('kept'), 'checkpoint')
  }),
  fact('a checkpoint without bytes is not the same as none', async (c) => {
    const { task, holder } = await c.claimed()
    await c.applied(progress(task, { checkpoint: new Uint8Array() }), failed(task))
    sameBytes((await holder.one()).checkpoint, new Uint8Array(), 'checkpoint')
  }),
  fact('each task has its own checkpoint', async (c) => {
    await c.pushed(3)
    const holder = await c.instance()
    const tasks = await holder.take(3)
    await c.applied(...tasks.map((task) => progress(task, { checkpoint: bytes(task.id) })))
    await c.applied(...tasks.map((task) => failed(task)))
    for (const task of await holder.take(3)) sameBytes(task.checkpoint, bytes(task.id), 'checkpoint')
  }),
  fact('a worker that lost the task cannot overwrite the checkpoint of the next', async (c) => {
    const { task: lost, holder } = await c.claimed()
    await c.expire(holder)
    await c.sweepAll()
    const next = await c.instance()
    const task = await next.one()
    await c.applied(progress(task, { checkpoint: bytes('current') }))
    assert.equal(await c.settle(progress(lost, { checkpoint: bytes('late') })), 'stale')
    await c.applied(failed(task))
    const last = await next.one()
    sameBytes(last.checkpoint, bytes('current'), 'checkpoint')
    await c.applied(done(last))
  }),
])
