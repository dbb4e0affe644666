import { describe, expect, test, vi } from 'vitest'
import { attemptOf, handlerOf, rejection } from './scene.ts'

describe('the death of a thread', () => {
  const deaths: [string, RegExp][] = [
    ['exit', /attempt 1, ended with exit code 7 before the task did: something in it called process\.exit\(\)/],
    ['uncaught', /died of an error that nothing caught: Error: thrown where nobody catches/],
    ['rejected', /died of an error that nothing caught: Error: nobody waits for this/],
    ['memory', /ran out of memory: its limit is 32 MiB\. Raise memoryLimitMb/],
  ]
  test.each(deaths)('%s fails the task it had, says how, and hurts no other', async (how, message) => {
    await using handler = handlerOf('die', { threads: 2, memoryLimitMb: 32 })
    const victim = attemptOf()
    const runs = [
      rejection(handler.handle(how, victim.ctx)),
      ...['a', 'b', 'c', 'd'].map((each) => handler.handle(each, attemptOf().ctx)),
    ]
    const [error, ...others] = await Promise.all(runs)
    expect(error).toMatchObject({ code: 'ERR_CRASHED', retryable: true, message: expect.stringMatching(message) })
    expect((error as Error).message).toContain(victim.ctx.taskId)
    expect((error as Error).cause).toBeInstanceOf(Error)
    expect(others).toEqual(Array.from({ length: 4 }, () => expect.any(Number)))
  })

  test('does not strand tasks that wait, however often it happens', async () => {
    await using handler = handlerOf('die', { threads: 1 })
    const runs = ['exit', 'exit', 'x', 'uncaught', 'x', 'exit', 'x'].map(async (how) => {
      const run = handler.handle(how, attemptOf().ctx)
      return how === 'x' ? typeof (await run) : (await rejection(run)).code
    })
    expect(await Promise.all(runs)).toEqual([
      'ERR_CRASHED', 'ERR_CRASHED', 'number', 'ERR_CRASHED', 'number', 'ERR_CRASHED', 'number',
    ]) // prettier-ignore
  }, 30_000)

  test('after its task was done leaves the result alone and is not silent', async () => {
    const warned = Promise.withResolvers<unknown>()
    const warn = vi.spyOn(console, 'warn').mockImplementation((error: unknown) => warned.resolve(error))
    try {
      await using handler = handlerOf('die', { threads: 1 })
      expect(await handler.handle('later', attemptOf().ctx)).toBe('done')
      expect(await warned.promise).toMatchObject({ code: 'ERR_CRASHED', cause: { message: 'left behind' } })
      expect(await handler.handle('x', attemptOf().ctx)).toEqual(expect.any(Number))
    } finally {
      warn.mockRestore()
    }
  })
})
