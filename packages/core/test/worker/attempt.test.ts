// oxlint-disable unicorn/no-thenable -- handlers that return such things are a subject here
import type { Settlement } from '../../src/backend/backend.ts'
import { describe, expect, test } from 'vitest'
import type { Codec } from '../../src/codec/codec.ts'
import { json } from '../../src/codec/json.ts'
import { QueueValues } from '../../src/contract/values.ts'
import { systemClock } from '../../src/clock.ts'
import { QError } from '../../src/error.ts'
import { fixed } from '../../src/middleware/backoff.ts'
import { DEFAULT_RETRY, type RetryPolicy } from '../../src/middleware/retry.ts'
import { pollEvery } from '../../src/poll/poll.ts'
import { AbortError, DeferredError, RetryAfterError } from '../../src/steer.ts'
import { task } from '../../src/task/builder.ts'
import type { ClaimedTask, NewTask } from '../../src/task/task.ts'
import { attempt, type Decision } from '../../src/worker/attempt.ts'
import { RunningTask } from '../../src/worker/context.ts'
import type { WorkerHandle } from '../../src/worker/handle.ts'
import { settled, withOverrides } from './scene.ts'
import { MemoryBackend, MemoryStorage } from '../../src/memory/index.ts'

const claimed: ClaimedTask = {
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  queue: 'numbers',
  token: 't',
  attempt: 1,
  crashes: 0,
  priority: 0,
  payload: { codec: json.tag, bytes: new TextEncoder().encode('7') },
  maxAttempts: null,
  runAt: 0,
  metadata: null,
  checkpoint: null,
}
const policy: RetryPolicy = { limit: 3, backoff: fixed('2s') }

async function decide(
  run: (task: RunningTask) => unknown,
  change: Partial<ClaimedTask> = {},
  more: Partial<RetryPolicy> = {},
): Promise<Settlement> {
  const decisions: Decision[] = []
  const source = {
    backend: withOverrides(new MemoryBackend(), {}),
    queue: 'numbers',
    values: new QueueValues<number>({ queue: 'numbers', codec: json as Codec<number>, maxPayloadBytes: 100 }),
    bufferSize: 0,
    poll: pollEvery(1),
  }
  const host = {
    worker: {} as WorkerHandle,
    clock: systemClock,
    says: { line: () => undefined, progress: () => undefined },
    progress: () => Promise.resolve(),
  }
  const now = systemClock.now()
  const { deadlineInMs } = change
  const task = new RunningTask({ ...claimed, ...change }, host, now, now + (deadlineInMs ?? Infinity))
  attempt(
    {
      source,
      run,
      policy: { ...policy, ...more },
      end: (_task, decision) => decisions.push(decision),
    },
    task,
  )
  await settled()
  expect(decisions).toHaveLength(1)
  return decisions[0]!.settlement!
}

const failing = (thrown: unknown) => () => {
  throw thrown
}

describe('a handler that returns', () => {
  test('ends as done with its encoded result', async () => {
    expect(await decide((task) => Promise.resolve([task.args]))).toMatchObject({
      kind: 'done',
      result: { codec: json.tag, bytes: new TextEncoder().encode('[7]') },
    })
  })
  test('ends as done with null for undefined, at once or later', async () => {
    expect(await decide(() => undefined)).toMatchObject({ kind: 'done', result: null })
    expect(await decide(async () => undefined)).toMatchObject({ kind: 'done', result: null })
  })
  test('may return any thenable', async () => {
    expect(await decide(() => ({ then: (resolve: (value: number) => void) => resolve(1) }))).toMatchObject({
      kind: 'done',
    })
  })
  test('is killed for a result that does not encode, because running again would repeat its effects', async () => {
    expect(await decide(() => 1n)).toMatchObject({ kind: 'killed', error: { code: 'ERR_ENCODE' } })
  })
  test('is killed for a result that is too large', async () => {
    expect(await decide(() => 'x'.repeat(200))).toMatchObject({
      kind: 'killed',
      error: { code: 'ERR_PAYLOAD_TOO_LARGE' },
    })
  })
  test('carries follow-on tasks with done only', async () => {
    const follow = {
      id: '01890a5d-ac96-774b-bcce-b302099a8058',
      queue: 'q',
      payload: claimed.payload,
      priority: 0,
      due: { afterMs: 0 },
      maxAttempts: null,
      key: null,
      metadata: null,
    }
    expect(await decide((task) => task.follow(follow))).toMatchObject({
      kind: 'done',
      follow: [follow],
    })
    expect(
      await decide((task) => {
        task.follow(follow)
        throw new Error('no')
      }),
    ).not.toHaveProperty('follow')
  })
})

describe('follow', () => {
  const encoded: NewTask = {
    id: '01890a5d-ac96-774b-bcce-b302099a8058',
    queue: 'q',
    payload: claimed.payload,
    priority: 0,
    due: { afterMs: 0 },
    maxAttempts: null,
    key: null,
    metadata: null,
  }
  test.each<[string, unknown, string]>([
    ['plain args', { to: 'ada@example.com' }, 'is no encoded task: it has no payload of bytes'],
    ['text', 'ada@example.com', 'is no encoded task, got "ada@example.com"'],
    ['nothing', undefined, 'is no encoded task, got undefined'],
    ['a built task', task({ to: 'ada' }), 'it has no payload of bytes'],
    ['a payload that was not encoded', { ...encoded, payload: { codec: 'json', bytes: '7' } }, 'no payload of bytes'],
    ['an id that is no UUID', { ...encoded, id: 'order-5' }, 'A task id must be a UUID'],
    ['no queue', { ...encoded, queue: undefined }, 'A queue name is'],
    ['no time', { ...encoded, due: undefined }, 'has no time at which it is due'],
    ['a time that is no number', { ...encoded, due: { at: NaN } }, 'has no time at which it is due'],
    ['a deadline that is no time', { ...encoded, deadline: '5m' }, 'has a deadline that is no time'],
    ['a wrong priority', { ...encoded, priority: 'high' }, 'priority must be'],
    ['metadata that are no strings', { ...encoded, metadata: { n: 1 } }, 'metadata["n"] must be a string'],
    ['no metadata at all', { ...encoded, metadata: undefined }, 'metadata must be an object'],
  ])('refuses %s where it is called, and names storage.encode', async (_name, given, message) => {
    const settlement = await decide((running) => running.follow(encoded, given as NewTask), { maxAttempts: 1 })
    expect(settlement).toMatchObject({
      kind: 'killed',
      error: { code: 'ERR_OPTION', message: expect.stringContaining(`ctx.follow: argument 2 `) },
    })
    const text = settlement.kind === 'killed' ? settlement.error.message : ''
    expect(text).toContain(message)
    expect(text).toContain('Pass what storage.encode(args)')
  })
  test('takes what storage.encode makes', async () => {
    const storage = new MemoryStorage<number>({ queue: 'q' })
    const built = task(7).runAfter('1m').deadlineAfter('1h').unique('k').metadata({ a: 'b' }).maxAttempts(2).key('x')
    const follow = storage.encode(built)
    expect(await decide((running) => running.follow(follow))).toMatchObject({ kind: 'done', follow: [follow] })
  })
})

test('a checkpoint that is no bytes is refused, and the attempt goes on', async () => {
  const settlement = await decide(async (running) => {
    await running.progress('half' as unknown as Uint8Array).catch((error: unknown) => running.abort(error))
    return running.signal.reason instanceof QError && running.signal.reason.code
  })
  expect(settlement).toMatchObject({ kind: 'done', result: { bytes: new TextEncoder().encode('"ERR_OPTION"') } })
})

describe('a payload that cannot be read', () => {
  test('kills the task with the reason', async () => {
    expect(await decide(() => 1, { payload: { codec: json.tag, bytes: new TextEncoder().encode('{') } })).toMatchObject(
      { kind: 'killed', error: { code: 'ERR_DECODE' } },
    )
    expect(await decide(() => 1, { payload: { codec: 'other', bytes: new Uint8Array() } })).toMatchObject({
      kind: 'killed',
      error: { code: 'ERR_DECODE' },
    })
  })
})

describe('a handler that throws', () => {
  const cycle: Record<string, unknown> = {}
  cycle['cause'] = cycle
  const hostile = new Proxy(
    {},
    {
      get: () => {
        throw new Error('get')
      },
      getPrototypeOf: () => {
        throw new Error('proto')
      },
      has: () => {
        throw new Error('has')
      },
    },
  )
  const lying = new (class extends Promise<number> {
    override then(): never {
      throw new Error('then')
    }
  })(() => undefined)

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a string', 'no'],
    ['a symbol', Symbol('no')],
    ['a bigint', 1n],
    ['a function', () => 1],
    ['a cycle', cycle],
    ['a proxy that throws at every look', hostile],
    ['NUL and a lone surrogate', new Error('a\0b\uD800')],
    ['a huge message', new Error('x'.repeat(1e6))],
  ])('%s fails the attempt with a storable record', async (_name, thrown) => {
    for (const run of [failing(thrown), () => Promise.reject(thrown)]) {
      const settlement = await decide(run)
      expect(settlement).toMatchObject({ kind: 'failed', retryAfterMs: 2_000 })
      const text = JSON.stringify('error' in settlement && settlement.error)
      expect(text.length).toBeLessThan(50_000)
      expect(text.isWellFormed() && !text.includes('\\u0000')).toBe(true)
    }
  })
  test('or returns a promise whose then() throws, fails once', async () => {
    expect(await decide(() => lying)).toMatchObject({ kind: 'failed', error: { message: 'then' } })
  })
  test('AbortError is killed at once', async () => {
    expect(await decide(failing(new AbortError('enough')))).toMatchObject({
      kind: 'killed',
      error: { code: 'ERR_ABORT', message: 'enough' },
    })
  })
  test('RetryAfterError waits as long as it says, and keeps the limit', async () => {
    expect(await decide(failing(new RetryAfterError(new Error('busy'), '30s')))).toMatchObject({
      kind: 'failed',
      retryAfterMs: 30_000,
      error: { message: 'busy' },
    })
    expect(await decide(failing(new RetryAfterError('busy', '30s')), { attempt: 3 })).toMatchObject({ kind: 'killed' })
  })
  test('DeferredError is put off, at any attempt', async () => {
    expect(await decide(failing(new DeferredError('5m')), { attempt: 3 })).toMatchObject({
      kind: 'deferred',
      afterMs: 300_000,
    })
  })
  test('an error of another copy of this package steers too', async () => {
    expect(await decide(failing(Object.assign(new Error('x'), { code: 'ERR_ABORT', retryable: false })))).toMatchObject(
      { kind: 'killed' },
    )
  })
})

describe('the limit of executions', () => {
  test('is the policy’s when the task has none', async () => {
    expect(await decide(failing('no'), { attempt: 2 })).toMatchObject({ kind: 'failed' })
    expect(await decide(failing('no'), { attempt: 3 })).toMatchObject({ kind: 'killed' })
  })
  test('is the task’s own when it has one', async () => {
    expect(await decide(failing('no'), { attempt: 9, maxAttempts: 10 })).toMatchObject({
      kind: 'failed',
    })
    expect(await decide(failing('no'), { attempt: 1, maxAttempts: 1 })).toMatchObject({
      kind: 'killed',
    })
  })
  test('is five without a policy', () => {
    expect(DEFAULT_RETRY.limit).toBe(5)
  })
})

describe('the retry policy', () => {
  test('kills what retryIf refuses, and retries when retryIf itself fails', async () => {
    expect(
      await decide(failing(new TypeError('bug')), {}, { retryIf: (error) => !(error instanceof TypeError) }),
    ).toMatchObject({ kind: 'killed' })
    expect(await decide(failing('no'), {}, { retryIf: failing('broken') })).toMatchObject({
      kind: 'failed',
    })
  })
  test.each([
    ['NaN', () => Number.NaN],
    ['a negative', () => -1],
    ['a throw', failing('broken')],
  ])('a backoff that gives %s is replaced by the default', async (_name, backoff) => {
    const settlement = await decide(failing(new QError('ERR_TIMEOUT', 'x')), {}, { backoff })
    expect(settlement.kind === 'failed' && settlement.retryAfterMs).toBeGreaterThanOrEqual(800)
  })
})
