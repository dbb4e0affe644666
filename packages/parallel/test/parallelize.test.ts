import { afterEach, describe, expect, test } from 'vitest'
import { type ParallelHandler, parallelize, type ParallelizeOptions } from '../src/index.ts'
import { attemptOf, handlerOf, rejection, WORK } from './scene.ts'

const open: ParallelHandler<unknown, unknown>[] = []
afterEach(async () => {
  for (const handler of open.splice(0)) await handler.close()
})
function using<T extends ParallelHandler<never, unknown>>(handler: T): T {
  open.push(handler as ParallelHandler<unknown, unknown>)
  return handler
}

describe('a parallel handler', () => {
  test('runs on a thread of its own, with args and the plain part of its context', async () => {
    const { ctx } = attemptOf(2)
    const handler = using(handlerOf('default', { threads: 1 }))
    expect(await handler.handle({ n: 1, at: new Date(0) }, ctx)).toEqual({
      args: { n: 1, at: new Date(0) },
      isMainThread: false,
      threadId: expect.any(Number),
      taskId: ctx.taskId,
      attempt: 2,
      task: {
        id: ctx.taskId,
        queue: 'work',
        attempt: 2,
        maxAttempts: 3,
        priority: 0,
        runAt: 0,
        metadata: { a: 'b' },
        crashes: 0,
      },
    })
  })

  test('keeps its threads between tasks and starts no more than it may', async () => {
    const handler = using(handlerOf('default', { threads: 2 }))
    const ran = await Promise.all(Array.from({ length: 12 }, () => handler.handle(0, attemptOf().ctx)))
    expect(new Set(ran.map((each) => (each as { threadId: number }).threadId)).size).toBeLessThanOrEqual(2)
  })

  test('runs as many tasks at once as it has threads, and the others wait their turn', async () => {
    const handler = using(handlerOf('waitForSignal', { threads: 2 }))
    const all = [attemptOf(), attemptOf(), attemptOf()]
    const runs = all.map(({ ctx }) => handler.handle(0, ctx))
    await Promise.all([all[0]!.begun, all[1]!.begun])
    expect([handler.threads, handler.running, handler.waiting]).toEqual([2, 2, 1])
    all[0]!.abort(new Error('first'))
    expect(await runs[0]).toBe('stopped: first')
    await all[2]!.begun
    expect([handler.running, handler.waiting]).toEqual([2, 0])
    for (const each of all) each.abort(new Error('the rest'))
    await Promise.all(runs)
    expect([handler.running, handler.waiting]).toEqual([0, 0])
  })

  test('passes on lines and progress in order, before the end, also when fields cannot cross', async () => {
    const { ctx, said } = attemptOf()
    const handler = using(handlerOf('talk', { threads: 1 }))
    expect(await handler.handle(0, ctx)).toBe('said')
    expect(said).toEqual([
      ['info', 'began', { size: 3 }],
      ['report', { done: 1, total: 2, note: 'half' }],
      ['warn', 'cannot cross', { note: 'fields.render is a function, which cannot be passed between threads' }],
      ['error', 'ended', undefined],
    ])
  })

  test('may be a CommonJS module', async () => {
    const url = new URL('./handler/other.cts', import.meta.url)
    expect(await using(parallelize<number>(url, { threads: 1 })).handle(4, attemptOf().ctx)).toBe(8)
    expect(await using(parallelize<number>(url, { threads: 1, name: 'triple' })).handle(4, attemptOf().ctx)).toBe(12)
  })

  test('is found by the name of its build as well as by that of its source', async () => {
    const handler = using(
      parallelize<number>(new URL('./handler/work.js', import.meta.url), { name: 'burn', threads: 1 }),
    )
    expect(await handler.handle(1, attemptOf().ctx)).toBeGreaterThan(0)
  })

  test('takes an absolute path, too', async () => {
    const handler = using(parallelize<number>(WORK.pathname, { name: 'burn', threads: 1 }))
    expect(await handler.handle(1, attemptOf().ctx)).toBeGreaterThan(0)
  })

  test('refuses tasks after it was closed, and fails those that run or wait', async () => {
    const handler = using(handlerOf('hang', { threads: 1 }))
    const first = attemptOf()
    const runs = [handler.handle(0, first.ctx), handler.handle(0, attemptOf().ctx)].map(rejection)
    await first.begun
    await handler.close()
    await handler.close()
    runs.push(rejection(handler.handle(0, attemptOf().ctx)))
    expect((await Promise.all(runs)).map(({ code }) => code)).toEqual(['ERR_CLOSED', 'ERR_CLOSED', 'ERR_CLOSED'])
  })
})

describe('what is wrong is said at once', () => {
  const wrong: [string, unknown, unknown, RegExp][] = [
    ['an unknown option', WORK, { thread: 2 }, /unknown option "thread", did you mean "threads"\?/],
    ['no threads', WORK, { threads: 0 }, /threads must be a whole number from 1 to 1000, got 0/],
    ['an empty name', WORK, { name: '' }, /name must be the name of an export/],
    ['too little memory', WORK, { memoryLimitMb: 1 }, /memoryLimitMb must be a whole number from 16 to 65536, got 1/],
    ['a grace that is no duration', WORK, { grace: 'soon' }, /grace/],
    ['a file that does not exist', new URL('./nowhere.js', import.meta.url), {}, /there is no file .*nowhere\.js/],
    ['a URL of the web', new URL('https://example.com/x.js'), {}, /must be a file URL/],
    ['a relative path', './handler/work.ts', {}, /must be a file URL.*import\.meta\.url/],
    ['nothing', undefined, {}, /must be a file URL.*got undefined/],
  ]
  test.each(wrong)('%s', (_, module, options, message) => {
    expect(() => parallelize(module as URL, options as ParallelizeOptions)).toThrow(message)
  })

  test('an export that is not there or no function fails the task and names the exports', async () => {
    for (const name of ['nope', 'notAFunction']) {
      const error = await rejection(using(handlerOf(name, { threads: 1 })).handle(0, attemptOf().ctx))
      expect(error).toMatchObject({
        code: 'ERR_OPTION',
        message: expect.stringMatching(/work\.ts must export a function/),
      })
      expect(error.message).toContain('burnUntilAsked')
    }
  })
})
