import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { again, isAgain } from '../../src/build/again.ts'
import { goto, isGoto } from '../../src/build/goto.ts'
import { all, any, isCondition, signal, timer } from '../../src/build/wait.ts'
import { refusal } from '../refusal.ts'

describe('goto', () => {
  test('says where a step goes from here', () => {
    const error = new Error('no')
    expect(goto.next(1)).toMatchObject({ kind: 'next', value: 1 })
    expect(goto.delay(1, '5m')).toMatchObject({ kind: 'delay', value: 1, ms: 300_000 })
    expect(goto.end(1)).toMatchObject({ kind: 'end', value: 1 })
    expect(goto.fail(error)).toMatchObject({ kind: 'fail', error })
    expect(refusal(() => goto.delay(1, 'soon' as never))).toContain('ERR_DURATION goto.delay: after must be')
  })

  test('is not mistaken for a value that looks like it, nor the other way round', () => {
    for (const each of [goto.next(1), goto.delay(1, 1), goto.end(1), goto.fail(1)]) expect(isGoto(each)).toBe(true)
    for (const each of [{ kind: 'next', value: 1 }, again(1), null, undefined, 'next', 5])
      expect(isGoto(each)).toBe(false)
  })
})

describe('again', () => {
  test('has the next state, and when', () => {
    expect(again({ n: 1 })).toMatchObject({ state: { n: 1 }, afterMs: null })
    expect(again(1, { after: '2s' })).toMatchObject({ state: 1, afterMs: 2_000 })
    expect(refusal(() => again(1, { after: -1 }))).toContain('ERR_DURATION again: after must be')
    expect([isAgain(again(1)), isAgain({ state: 1, afterMs: null }), isAgain(null)]).toEqual([true, false, false])
  })
})

describe('a condition', () => {
  test('is a value', () => {
    const condition = any({ paid: signal('paid'), both: all({ rest: timer('1h'), done: signal('done') }) })
    expect(condition).toMatchObject({
      kind: 'any',
      of: {
        paid: { kind: 'signal', name: 'paid' },
        both: { kind: 'all', of: { rest: { kind: 'timer', ms: 3_600_000 }, done: { name: 'done' } } },
      },
    })
    expect(isCondition(condition)).toBe(true)
    for (const each of [null, {}, { kind: 'next' }, 'signal']) expect(isCondition(each)).toBe(false)
  })

  test('checks what a signal brings', () => {
    expect(signal('paid').parse(5)).toBe(5)
    expect(signal('paid', z.coerce.number()).parse('5')).toBe(5)
    expect(refusal(() => signal('paid', z.number()).parse('x'))).toContain('ERR_INVALID signal "paid": payload: ')
  })

  test('is refused where it can never hold', () => {
    expect(refusal(() => signal(''))).toContain('signal: the name must be 1 to 200 characters')
    expect(refusal(() => signal('$run:1'))).toContain('not start with "$", got "$run:1"')
    expect(refusal(() => signal('a', {} as never))).toContain('signal "a": the schema must be a Standard Schema')
    expect(refusal(() => timer('later' as never))).toContain('ERR_DURATION timer must be')
    expect(refusal(() => any({}))).toContain('any: takes an object with one condition at least')
    expect(refusal(() => all({ a: 'signal' as never }))).toContain('all: "a" must be a condition')
  })
})
