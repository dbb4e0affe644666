import { expect, test } from 'vitest'
import { withRest } from '../../src/middleware/rest.ts'
import type { ClaimedTask } from '../../src/task/task.ts'
import { type AttemptHost, RunningTask } from '../../src/worker/context.ts'
import { gate } from '../worker/scene.ts'

const task = (): RunningTask => new RunningTask({ id: 'x' } as ClaimedTask, { worker: {} } as AttemptHost, 0)

function attempt(ctx: RunningTask = task()) {
  const rest = gate<string>()
  const told: unknown[] = []
  const returned = withRest(
    ctx,
    () => rest.promise,
    (...how) => told.push(how),
  )
  returned.catch(() => undefined)
  return { ctx, rest, told, returned }
}

test('tells once that the rest has ended, and passes on how', async () => {
  const done = attempt()
  done.rest.open('result')
  expect(await done.returned).toBe('result')
  done.ctx.end()
  expect(done.told).toEqual([['done', 'result']])
  const failed = attempt()
  const boom = new Error('boom')
  failed.rest.fail(boom)
  await expect(failed.returned).rejects.toBe(boom)
  failed.ctx.end(boom)
  expect(failed.told).toEqual([['failed', boom]])
})

test('tells at once that the attempt has ended, and nothing when the rest ends later', async () => {
  const { ctx, rest, told, returned } = attempt()
  ctx.end('too slow')
  expect(told).toEqual([['left', 'too slow']])
  rest.open('late')
  expect(await returned).toBe('late')
  expect(told).toHaveLength(1)
})

test('an abort alone is no end, but the reason of the end that follows', async () => {
  const { ctx, told } = attempt()
  ctx.abort('cancelled')
  expect(told).toEqual([])
  ctx.end('whatever the handler made of it')
  expect(told).toEqual([['left', 'cancelled']])
})

test('an attempt that ended without an error left the rest behind, which is an error', () => {
  const { ctx, told } = attempt()
  ctx.end()
  expect(told).toMatchObject([['left', { code: 'ERR_TIMEOUT' }]])
})

test('an attempt that had ended before it came this far still runs the rest', async () => {
  const ctx = task()
  ctx.end('cancelled')
  const { rest, told, returned } = attempt(ctx)
  rest.open('late')
  expect(await returned).toBe('late')
  expect(told).toEqual([['left', 'cancelled']])
})

test('a rest that may not be run a second time is over at once', async () => {
  const told: unknown[] = []
  const twice = new Error('twice')
  const again = (): never => {
    throw twice
  }
  expect(() => withRest(task(), again, (...how) => told.push(how))).toThrow(twice)
  expect(told).toEqual([['failed', twice]])
})
