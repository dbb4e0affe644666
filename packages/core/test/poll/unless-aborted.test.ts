import { describe, expect, test, vi } from 'vitest'
import { unlessAborted } from '../../src/poll/unless-aborted.ts'
import { gate } from '../worker/scene.ts'

const open = (): AbortSignal => new AbortController().signal

describe('waiting for a promise', () => {
  test('ends as the promise does, for all who wait and for those who come later', async () => {
    const opened = gate()
    const waits = [unlessAborted(opened.promise, open()), unlessAborted(opened.promise, open())]
    opened.open()
    expect(await Promise.all(waits)).toEqual([undefined, undefined])
    await unlessAborted(opened.promise, open())

    const failing = gate()
    const failed = [unlessAborted(failing.promise, open()), unlessAborted(failing.promise, open())]
    failing.fail(new Error('gone'))
    expect(await Promise.allSettled(failed)).toMatchObject([{ reason: { message: 'gone' } }, { status: 'rejected' }])
    await expect(unlessAborted(failing.promise, open())).rejects.toThrow('gone')
  })

  test('ends without an error when the signal aborts, whatever the promise comes to later', async () => {
    const failing = gate()
    const end = new AbortController()
    const listeners = vi.spyOn(end.signal, 'removeEventListener')
    const wait = unlessAborted(failing.promise, end.signal)
    end.abort()
    await wait
    failing.fail(new Error('gone'))
    await failing.promise.catch(() => undefined)
    // Whoever gave up is not told any more: nothing of it is kept.
    expect(listeners).not.toHaveBeenCalled()
    await unlessAborted(failing.promise, AbortSignal.abort())
  })

  test('adds one reaction to the promise and leaves no listener, however often it is given up', async () => {
    const promise = new Promise(() => undefined)
    const reactions = vi.spyOn(promise, 'then')
    const signal = open()
    const listeners = vi.spyOn(signal, 'removeEventListener')
    for (let time = 0; time < 100; time++) {
      const end = new AbortController()
      const wait = unlessAborted(promise, end.signal)
      end.abort()
      await wait
    }
    expect(reactions).toHaveBeenCalledTimes(1)
    await unlessAborted(Promise.resolve(), signal)
    expect(listeners).toHaveBeenCalledTimes(1)
  })
})
