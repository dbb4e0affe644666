import { describe, expect, test } from 'vitest'
import { checkTaskId, uuidv7 } from '../src/id.ts'
import { failure } from './failure.ts'

const V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const timeOf = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)

function assertIncreasing(ids: readonly string[]): void {
  for (const [at, id] of ids.entries()) {
    if (at > 0 && id <= ids[at - 1]!) expect.fail(`id ${at}: ${id} comes after ${ids[at - 1]}`)
    if (!V7.test(id)) expect.fail(`id ${at} is no UUIDv7: ${id}`)
  }
}

// Ids never go back within a process, so every test starts beyond the times of the one before.
let base = Date.now() + 1_000_000
const later = (): number => (base += 1_000_000)

describe('uuidv7', () => {
  test('carries the time it was made at', () => {
    const now = later()
    expect(timeOf(uuidv7(now))).toBe(now)
    expect(uuidv7()).toMatch(V7)
  })

  test('is strictly increasing within one millisecond, also beyond its 4,096 counts', () => {
    const now = later()
    const ids = Array.from({ length: 20_000 }, () => uuidv7(now))
    assertIncreasing(ids)
    expect(timeOf(ids.at(-1)!), 'borrowed from the next milliseconds').toBe(now + 4)
  })

  test('is strictly increasing while the clock steps back and forth', () => {
    const now = later()
    const steps = [0, 1, -1, -500, 2, -86_400_000, 3, 3, 500, 0, 499, 501]
    assertIncreasing(Array.from({ length: 5_000 }, (_, n) => uuidv7(now + steps[n % steps.length]!)))
  })

  test('follows the clock again once it has caught up', () => {
    const now = later()
    for (let n = 0; n < 10_000; n++) uuidv7(now)
    expect(timeOf(uuidv7(now + 100))).toBe(now + 100)
  })

  test('takes 62 new random bits for each', () => {
    const now = later()
    const tails = new Set(Array.from({ length: 5_000 }, () => uuidv7(now).slice(19)))
    expect(tails.size).toBe(5_000)
    const variants = new Set([...tails].map((tail) => tail[0]))
    expect(variants).toEqual(new Set(['8', '9', 'a', 'b']))
  })
})

describe('checkTaskId', () => {
  test.each([
    '01890a5d-ac96-774b-bcce-b302099a8057',
    '00000000-0000-0000-0000-000000000000',
    'c232ab00-9414-41ec-b3c8-9f6bdeced846',
  ])('takes %s', (id) => {
    expect(checkTaskId(id)).toBe(id)
  })

  test('answers in lower case', () => {
    expect(checkTaskId('C232AB00-9414-41EC-B3C8-9F6BDECED846')).toBe('c232ab00-9414-41ec-b3c8-9f6bdeced846')
  })

  test.each<[unknown]>([
    [''],
    ['1'],
    ['c232ab00941441ecb3c89f6bdeced846'],
    ['{c232ab00-9414-41ec-b3c8-9f6bdeced846}'],
    ['c232ab00-9414-41ec-b3c8-9f6bdeced846\n'],
    ['c232ab00-9414-41ec-b3c8-9f6bdeced84g'],
    [1],
    [null],
    [undefined],
    [{}],
    [Symbol('id')],
    ['x'.repeat(1_000_000)],
  ])('refuses %j', (id) => {
    const { message } = failure('ERR_TASK_ID', () => checkTaskId(id))
    expect(message).toContain('A task id must be a UUID such as')
    expect(message).toContain('Pass what a push returned as receipt.id.')
    expect(message.length).toBeLessThan(400)
  })
})
