/** The demo ends with every count as computed beforehand, and notices when one is not. */
import { expect, inject, test } from 'vitest'
import { start } from '../support/program.ts'
import { differences, expectedCounts } from './counts.ts'
import { makeInput } from './input.ts'
import { readOptions } from './options.ts'

const TIMEOUT_MS = 55_000
const run = (...args: string[]): ReturnType<typeof start> =>
  start('demo/main.ts', args, inject('databaseUrl'), TIMEOUT_MS)

test('--once ends by itself, and the database has what was computed beforehand', async () => {
  const { code, output, errors } = await run('--once').ended
  expect(code, output + errors).toBe(0)
  expect(output).toContain('the schemas q_demo and q_demo_shop are dropped and made again')
  expect(output.trimEnd().split('\n').at(-1)).toBe('ok')
})

test('without --once it goes on after the summary until it is told to stop', async () => {
  const demo = run('--seed', '7')
  await demo.says('The database stays up at')
  await demo.says('trickle: pushed')
  demo.process.kill('SIGINT')
  const { code, output, errors } = await demo.ended
  expect(code, output + errors).toBe(0)
  expect(output).toContain('Stopped.')
  expect(errors).toBe('')
})

test('an unknown option is answered with the one that was meant', async () => {
  const { code, errors } = await run('--onse').ended
  expect(code).toBe(2)
  expect(errors).toContain('unknown option "--onse", did you mean "--once"?')
})

test('a seed that is no number is refused', () => {
  expect(readOptions(['--seed', 'x'])).toEqual({
    wrong: '--seed must be a whole number from 0 to 4294967295, got "x".',
  })
  expect(readOptions(['--seed=3'])).toEqual({ once: false, seed: 3 })
})

test('the same seed makes the same input, another one another', () => {
  expect(makeInput(1)).toEqual(makeInput(1))
  expect([...expectedCounts(makeInput(1))]).not.toEqual([...expectedCounts(makeInput(2))])
})

test('the input has at least ten thousand tasks', () => {
  const total = [...expectedCounts(makeInput(1)).values()].reduce((sum, tasks) => sum + tasks, 0)
  expect(total).toBeGreaterThanOrEqual(10_000)
})

test('one task too many, one too few and one that ended otherwise are each named', () => {
  const expected = new Map(Object.entries({ 'emails done 1 -': 2, 'emails killed 1 ERR_ABORT': 1 }))
  expect(differences(expected, expected)).toEqual([])
  expect(differences(expected, new Map([['emails done 1 -', 3]]))).toEqual([
    'emails done 1 -: expected 2, the database has 3',
    'emails killed 1 ERR_ABORT: expected 1, the database has 0',
  ])
  expect(differences(expected, new Map([...expected, ['emails pending 0 -', 1]]))).toEqual([
    'emails pending 0 -: expected 0, the database has 1',
  ])
})
