import { AbortError, DeferredError, isQError, RetryAfterError } from '@q/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ParallelHandler } from '../src/index.ts'
import { fromWire, toWire } from '../src/wire-error.ts'
import { attemptOf, handlerOf, openPort, rejection } from './scene.ts'

describe('what a handler throws on a thread', () => {
  let handler: ParallelHandler<unknown, unknown>
  beforeAll(() => void (handler = handlerOf('failAs', { threads: 1 })))
  afterAll(() => handler.close())
  const thrownAs = (how: string): Promise<Error & { code?: string }> => rejection(handler.handle(how, attemptOf().ctx))

  test('keeps name, message, code, cause and a stack that leads into the module', async () => {
    const error = await thrownAs('quota')
    expect(error).toMatchObject({ name: 'QuotaError', message: 'no room', code: 'E_QUOTA' })
    expect(error.cause).toMatchObject({ name: 'RangeError', message: '1 of 0' })
    expect(error.stack).toMatch(/failAs .*handler\/work\.ts/)
    expect(isQError(error)).toBe(false)
  })

  test('is an instance of its class when that is one of the language', async () => {
    expect(await thrownAs('type')).toBeInstanceOf(TypeError)
  })

  test('may be no error at all', async () => {
    expect(await thrownAs('text')).toMatchObject({ name: 'string', message: 'just words' })
  })

  test('steers as it does without a thread', async () => {
    const abort = await thrownAs('abort')
    expect(abort).toBeInstanceOf(AbortError)
    expect(abort).toMatchObject({ code: 'ERR_ABORT', message: 'no such image', cause: { message: 'no such image' } })
    const after = await thrownAs('retry-after')
    expect(after).toBeInstanceOf(RetryAfterError)
    expect(after).toMatchObject({ afterMs: 30_000, message: 'busy' })
    const deferred = await thrownAs('deferred')
    expect(deferred).toBeInstanceOf(DeferredError)
    expect(deferred).toMatchObject({ afterMs: 300_000, message: new DeferredError('5m').message })
  })
})

describe('errors between threads', () => {
  test('a foreign error that only looks like one that steers does not steer', () => {
    const error = fromWire(toWire(Object.assign(new Error('mine'), { code: 'ERR_ABORT' })))
    expect(error).toMatchObject({ message: 'mine', code: 'ERR_ABORT' })
    expect(isQError(error)).toBe(false)
  })

  test('hostile values come through as a record', () => {
    const hostile = new Proxy({}, { get: () => { throw new Error('no') } }) // prettier-ignore
    expect(fromWire(structuredClone(toWire(hostile)))).toBeInstanceOf(Error)
  })
})

describe('what cannot be cloned', () => {
  test('among the args kills the task and is named', async () => {
    await using handler = handlerOf('default', { threads: 1 })
    const error = await rejection(handler.handle({ rows: [{ ok: 1 }, { render: () => 1 }] }, attemptOf().ctx))
    expect(error).toMatchObject({ name: 'AbortError', code: 'ERR_ABORT', cause: { code: 'ERR_ENCODE' } })
    expect(error.message).toMatch(/^parallelize: args\.rows\[1\]\.render is a function, which cannot be passed/)
    expect(await handler.handle(1, attemptOf().ctx), 'the thread is as good as new').toMatchObject({ args: 1 })
  })

  test('in the result kills the task and is named', async () => {
    await using handler = handlerOf('give', { threads: 1 })
    const error = await rejection(handler.handle('function', attemptOf().ctx))
    expect(error).toMatchObject({ name: 'AbortError', code: 'ERR_ABORT', cause: { code: 'ERR_ENCODE' } })
    expect(error.message).toMatch(/result\.list\[0\]\.render is a function/)
    expect((await rejection(handler.handle('symbol', attemptOf().ctx))).message).toMatch(/result is a symbol/)
    expect(await handler.handle('rich', attemptOf().ctx)).toEqual({
      at: new Date(0),
      ids: new Set([1]),
      bytes: new Uint8Array([1, 2]),
    })
  })

  test('may be an object of the runtime', async () => {
    const port = openPort()
    await using handler = handlerOf('default', { threads: 1 })
    const error = await rejection(handler.handle(new Map([['port', port.value]]), attemptOf().ctx))
    expect(error.message).toContain('args.get(port) is an instance of MessagePort')
    port.close()
  })
})
