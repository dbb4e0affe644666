import { AbortError, bytes, circuitBreaker, DeferredError, fixed, rateLimit, retry, task } from '@q/core'
import { describe, expect, test } from 'vitest'
import { TestWorker } from '../src/index.ts'

describe('executeNext', () => {
  test('runs one task and tells its result', async () => {
    await using worker = new TestWorker((n: number) => n * 2)
    const { id } = await worker.push(21)
    await worker.push(1)
    expect(await worker.executeNext()).toMatchObject({ id, attempt: 1, outcome: 'done', result: 42, retryInMs: null })
    expect(await worker.executeNext()).toMatchObject({ result: 2 })
    expect(await worker.executeNext()).toBeNull()
  })

  test('leaves a scheduled task alone until its time has come', async () => {
    await using worker = new TestWorker((n: number) => n)
    await worker.push(task(1).runAfter('1h'))
    expect(await worker.executeNext()).toBeNull()
    await worker.advance('59m')
    expect(await worker.executeNext()).toBeNull()
    await worker.advance('1m')
    expect(await worker.executeNext()).toMatchObject({ outcome: 'done', result: 1 })
  })

  test('shows a failure, when the next attempt is, and the last one', async () => {
    const boom = new Error('boom')
    await using worker = new TestWorker(
      () => {
        throw boom
      },
      { use: [retry({ retries: 1, backoff: fixed('5s') })] },
    )
    await worker.push(null)
    expect(await worker.executeNext()).toMatchObject({ outcome: 'failed', error: boom, retryInMs: 5_000 })
    expect(await worker.executeNext()).toBeNull()
    await worker.advance('5s')
    expect(await worker.executeNext()).toMatchObject({ attempt: 2, outcome: 'killed', retryInMs: null })
  })

  test('tells abort and defer apart', async () => {
    await using worker = new TestWorker((how: string) => {
      throw how === 'abort' ? new AbortError('no') : new DeferredError('1m')
    })
    await worker.push('abort')
    expect(await worker.executeNext()).toMatchObject({ outcome: 'killed', task: { status: 'killed' } })
    await worker.push('defer')
    expect(await worker.executeNext()).toMatchObject({ outcome: 'deferred', retryInMs: 60_000, task: { attempt: 0 } })
  })

  test('a handler that never ends fails at its time limit', async () => {
    await using worker = new TestWorker(() => new Promise<never>(() => undefined), { timeout: '10s' })
    await worker.push(null)
    const ran = worker.executeNext()
    await worker.advance('10s')
    expect(await ran).toMatchObject({ outcome: 'failed', error: { code: 'ERR_TIMEOUT' } })
  })

  test('refuses to run two at once', async () => {
    await using worker = new TestWorker((n: number) => n)
    await worker.push(1)
    const first = worker.executeNext()
    await expect(worker.executeNext()).rejects.toMatchObject({ code: 'ERR_WORKER_STATE' })
    await first
  })
})

test('drain runs everything that is due and nothing else', async () => {
  await using worker = new TestWorker((n: number) => n)
  for (const n of [1, 2, 3]) await worker.push(n)
  await worker.push(task(4).runAfter('1s'))
  const results: (number | undefined)[] = []
  for await (const { result } of worker.drain()) results.push(result)
  expect(results).toEqual([1, 2, 3])
})

test('data and codec are those of the test', async () => {
  await using worker = new TestWorker((file: Uint8Array, ctx) => new Uint8Array([...file, ctx.data.suffix]), {
    data: { suffix: 9 },
    codec: bytes,
  })
  await worker.push(new Uint8Array([1, 2]))
  expect(await worker.executeNext()).toMatchObject({ outcome: 'done', result: new Uint8Array([1, 2, 9]) })
})

describe('stream', () => {
  test('runs what is due, scheduled, deferred and to be retried, moving time', async () => {
    await using worker = new TestWorker(
      (name: string, ctx) => {
        if (name === 'fails' && ctx.attempt === 1) throw new Error('not yet')
        return name
      },
      { use: [retry({ retries: 1, backoff: fixed('1h') })] },
    )
    await worker.push('now')
    await worker.push('fails')
    await worker.push(task('tomorrow').runAfter('1d'))
    const began = worker.clock.now()
    const seen: unknown[] = []
    for await (const { outcome, result } of worker.stream())
      seen.push([outcome, result, Math.round((worker.clock.now() - began) / 60_000)])
    expect(seen).toEqual([
      ['done', 'now', 0],
      ['failed', undefined, 0],
      ['done', 'fails', 60],
      ['done', 'tomorrow', 1_440],
    ])
  })

  test('waits for middlewares that let nothing start', async () => {
    for (const use of [
      [rateLimit({ limit: 1, per: '10s' })],
      [circuitBreaker({ failureThreshold: 1, recoveryTimeout: '10s' })],
    ]) {
      let broken = true
      await using worker = new TestWorker(
        () => {
          if (!broken) return
          broken = false
          throw new Error('once')
        },
        { use: [...use, retry({ retries: 1, backoff: fixed('1s') })] },
      )
      await worker.push(null)
      expect(await worker.executeNext()).toMatchObject({ outcome: 'failed' })
      await worker.advance('5s')
      expect(await worker.executeNext()).toBeNull()
      const outcomes: string[] = []
      for await (const { outcome } of worker.stream()) outcomes.push(outcome)
      expect(outcomes).toEqual(['done'])
    }
  })

  test('ends when its reader stops', async () => {
    await using worker = new TestWorker(() => {
      throw new DeferredError('1m')
    })
    await worker.push(null)
    let deferred = 0
    for await (const { outcome } of worker.stream()) if (outcome === 'deferred' && ++deferred === 3) break
    expect(deferred).toBe(3)
  })
})
