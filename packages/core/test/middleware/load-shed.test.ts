import { expect, test } from 'vitest'
import { loadShed } from '../../src/middleware/load-shed.ts'
import { failure } from '../failure.ts'
import { end, run } from './one.ts'

test('puts tasks off while it is too much, for about as long as that has lasted, and runs them afterwards', async () => {
  let asked = 0
  let loaded = true
  const ran = await run(
    [
      loadShed({
        when: async () => {
          asked += 1
          return loaded
        },
        max: '1m',
      }),
    ],
    () => 1,
  )
  await ran.it.clock.pass(600_000)
  expect(await ran.statuses()).toBe('pending/0')
  // Pauses double up to a minute: six of them take the first minute, nine or so the other nine.
  expect(asked).toBeGreaterThan(10)
  expect(asked).toBeLessThan(25)
  loaded = false
  await ran.it.clock.pass(75_000)
  expect(await ran.statuses()).toBe('done/1')
  await end(ran)
})

test('a condition that throws fails the attempt', async () => {
  const ran = await run([loadShed({ when: () => Promise.reject(new Error('no metrics')) })], () => 1)
  expect(await ran.statuses()).toBe('failed/1')
  await end(ran)
})

test('says what is wrong with its options', () => {
  expect(failure('ERR_OPTION', () => loadShed({ when: true as any })).message).toContain('when must be a function')
  expect(failure('ERR_OPTION', () => loadShed({ when: () => true, mni: 1 } as any)).message).toContain(
    'did you mean "min"',
  )
  expect(failure('ERR_DURATION', () => loadShed({ when: () => true, min: '2m', max: '1m' })).message).toContain(
    'max must be between',
  )
})
