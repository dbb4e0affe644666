import { describe, expect, test } from 'vitest'
import { task } from '../../src/task/builder.ts'
import type { PushOptions } from '../../src/task/push-options.ts'
import { checkPushOptions } from '../../src/task/push-options.ts'
import { failure } from '../failure.ts'

const AT = Date.UTC(2030, 0, 1)
const ID = '01890a5d-ac96-774b-bcce-b302099a8057'
const message = (options: object, code: 'ERR_OPTION' | 'ERR_DURATION' | 'ERR_TASK_ID' = 'ERR_OPTION'): string =>
  failure(code, () => checkPushOptions(options as PushOptions)).message

describe('task', () => {
  test('carries args and every option', () => {
    const built = task({ to: 'a' })
      .id(ID)
      .runAfter('1s')
      .priority(9)
      .maxAttempts(3)
      .timeout('5s')
      .deadlineAfter('1h')
      .key('k')
      .unique({ key: 'u', while: 'waiting', for: '1m', otherwise: 'replace' })
      .metadata({ tenant: 'x' })
    expect(built.args).toEqual({ to: 'a' })
    expect(checkPushOptions(built.options)).toEqual({
      id: ID,
      due: { afterMs: 1_000 },
      priority: 9,
      maxAttempts: 3,
      timeoutMs: 5_000,
      deadline: { afterMs: 3_600_000 },
      key: 'k',
      unique: { key: 'u', while: 'waiting', windowMs: 60_000, otherwise: 'replace' },
      metadata: { tenant: 'x' },
    })
    expect(checkPushOptions(task(1).deadline(AT).debounce('d', '5s').options)).toMatchObject({
      due: { afterMs: 5_000 },
      deadline: { at: AT },
      unique: { key: 'd', while: 'waiting', windowMs: 0, otherwise: 'replace' },
    })
    expect(checkPushOptions(task(1).throttle('t', '1m').options)).toMatchObject({
      due: { afterMs: 0 },
      unique: { key: 't', while: 'waiting', windowMs: 60_000, otherwise: 'keep' },
    })
  })

  test('is immutable: every method returns a new one', () => {
    const first = task(1)
    const second = first.priority(5)
    expect(first.options).toEqual({})
    expect(second.options).toEqual({ priority: 5 })
    expect(second.priority(7).options).toEqual({ priority: 7 })
    expect(second.options).toEqual({ priority: 5 })
  })

  test('adds metadata to what is there', () => {
    expect(task(1).metadata({ a: '1', b: '1' }).metadata({ b: '2' }).options.metadata).toEqual({
      a: '1',
      b: '2',
    })
  })
})

describe('push options', () => {
  test('default to now, priority 0, and nothing else', () => {
    const defaults = {
      due: { afterMs: 0 },
      priority: 0,
      maxAttempts: null,
      timeoutMs: null,
      deadline: null,
      key: null,
      unique: null,
      metadata: null,
    }
    expect(checkPushOptions(undefined)).toMatchObject(defaults)
    expect(checkPushOptions({})).toMatchObject(defaults)
    expect(checkPushOptions({}).id).toBeUndefined()
  })

  test('take a moment as a Date or as milliseconds', () => {
    const at = Date.UTC(2027, 0, 1)
    expect(checkPushOptions({ runAt: at }).due).toEqual({ at })
    expect(checkPushOptions({ runAt: new Date(at) }).due).toEqual({ at })
    expect(checkPushOptions({ runAt: at + 0.2 }).due).toEqual({ at: at + 1 })
    expect(checkPushOptions({ runAt: new Date('1960-01-01') }).due).toEqual({
      at: -315_619_200_000,
    })
  })

  test.each<[number]>([[1_767_225_600], [0], [-1], [60_000]])(
    'take %i for seconds since the epoch, and say so',
    (runAt) => {
      expect(message({ runAt })).toContain('Are these seconds? Multiply by 1000')
    },
  )

  test.each<[unknown]>([[new Date('not a date')], [NaN], ['2027-01-01'], [null], [8.65e15], [{}]])(
    'refuse %s as a moment',
    (runAt) => {
      expect(message({ runAt })).toContain('runAt must be a valid Date or milliseconds since the epoch')
    },
  )

  test('refuse a moment together with a span', () => {
    expect(message({ runAt: new Date(), runAfter: '1s' })).toContain('either runAt (a moment) or runAfter')
  })

  test('refuse spans that are none', () => {
    expect(message({ runAfter: '10' }, 'ERR_DURATION')).toContain('runAfter must be milliseconds or')
    expect(message({ timeout: 0 }, 'ERR_DURATION')).toContain('push: timeout must be between 1 and')
    expect(message({ deadlineAfter: '0s' }, 'ERR_DURATION')).toContain('deadlineAfter must be between 1 and')
    expect(message({ unique: { key: 'k', for: 'x' } }, 'ERR_DURATION')).toContain('unique.for must be milliseconds')
    expect(message({ throttle: { key: 'k' } }, 'ERR_DURATION')).toContain('throttle.per must be milliseconds')
    expect(message({ debounce: { key: 'k', wait: 0 } }, 'ERR_DURATION')).toContain('debounce.wait must be between 1')
    expect(message({ runAfter: -1 }, 'ERR_DURATION')).toContain('runAfter must be between 0 and')
    expect(message({ runAfter: Date.now() * 2 }, 'ERR_DURATION'), 'a moment, not a span').toContain(
      'runAfter must be between',
    )
  })

  test.each<[object, string]>([
    [{ priority: 101 }, 'priority must be a whole number from -100 to 100, got 101'],
    [{ priority: 1.5 }, 'got 1.5'],
    [{ priority: 'high' }, 'got "high"'],
    [{ maxAttempts: 0 }, 'maxAttempts must be a whole number from 1 to 1000, got 0'],
    [{ maxAttempts: Infinity }, 'got Infinity'],
    [{ key: '' }, 'key must be 1 to 200 characters'],
    [{ key: 'x'.repeat(201) }, 'got 201 characters. Hash longer keys'],
    [{ key: 'a\0b' }, 'without NUL'],
    [{ key: '\ud800' }, 'lone surrogates'],
    [{ key: 5 }, 'got number'],
    [{ metadata: 'x' }, 'metadata must be an object of strings'],
    [{ metadata: null }, 'metadata must be an object of strings'],
    [{ metadata: ['x'] }, 'metadata must be an object of strings'],
    [{ metadata: { n: 1 } }, 'metadata["n"] must be a string'],
    [{ metadata: { n: 'x'.repeat(1_024) } }, 'at most 1024 characters'],
    [{ metadata: { n: '\0' } }, 'without NUL'],
    [{ metadata: { '\ud800': 'x' } }, 'lone surrogates'],
    [{ metadata: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [n, ''])) }, 'at most 64 entries'],
    [{ unique: {} }, 'unique.key must be 1 to 200 characters'],
    [{ unique: '' }, 'unique.key must be 1 to 200 characters'],
    [{ unique: null }, 'unique: options must be an object'],
    [{ unique: { key: 'k', whle: 'waiting' } }, 'unique: unknown option "whle", did you mean "while"?'],
    [{ unique: { key: 'k', while: 'running' } }, 'unique.while must be "waiting" or "unfinished", got "running"'],
    [{ unique: { key: 'k', otherwise: 'drop' } }, 'unique.otherwise must be "keep" or "replace"'],
    [{ unique: 'a', throttle: { key: 'b', per: '1m' } }, 'give one of unique, throttle'],
    [{ debounce: { key: 'k', wait: '5s' }, runAt: AT }, 'debounce sets the time of the task'],
    [{ debounce: { key: 'k', every: '5s' } }, 'debounce: unknown option "every"'],
    [{ throttle: { key: 'x'.repeat(201), per: '5s' } }, 'throttle.key must be 1 to 200 characters'],
    [{ deadline: AT, deadlineAfter: '1h' }, 'either deadline (a moment) or deadlineAfter (a span)'],
    [{ deadline: 1_767_225_600 }, 'deadline is milliseconds since the epoch'],
    [{ runAt: AT, deadline: AT }, 'the deadline comes before the task is due'],
    [{ runAfter: '2h', deadlineAfter: '1h' }, 'the deadline comes before the task is due'],
    [{ timeut: '1s' }, 'did you mean "timeout"?'],
    [{ runIn: '5s' }, 'unknown option "runIn", did you mean "runAt"?'],
    [{ delay: '5s' }, 'unknown option "delay", did you mean "runAfter"?'],
    [{ attempts: 3 }, 'unknown option "attempts", did you mean "maxAttempts"?'],
    [{ colour: 'red' }, 'unknown option "colour". Known: id, runAt, runAfter'],
    [{ maxattempts: 1 }, 'did you mean "maxAttempts"?'],
  ])('refuse %j', (options, expected) => {
    expect(message(options)).toContain('push: ')
    expect(message(options)).toContain(expected)
  })

  test('take the bounds themselves', () => {
    for (const options of [
      { priority: -100 },
      { priority: 100 },
      { maxAttempts: 1 },
      { maxAttempts: 1_000 },
      { key: 'x'.repeat(200) },
    ])
      expect(checkPushOptions(options)).toMatchObject(options)
  })

  test('refuse an id that is no UUID, and write it in lower case', () => {
    expect(message({ id: 'order-5' }, 'ERR_TASK_ID')).toMatch(/must be a UUID .* Leave it out and one is made for you/)
    expect(checkPushOptions({ id: ID.toUpperCase() }).id).toBe(ID)
  })

  test('copy metadata, so that changing it later changes nothing, and keep a __proto__ name', () => {
    const metadata: Record<string, string> = JSON.parse('{"__proto__":"x","a":"1"}')
    const checked = checkPushOptions({ metadata })
    metadata['a'] = '2'
    expect(Object.entries(checked.metadata ?? {})).toEqual([
      ['__proto__', 'x'],
      ['a', '1'],
    ])
  })
})
