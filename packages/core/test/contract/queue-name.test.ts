import { expect, test } from 'vitest'
import { checkQueueName } from '../../src/contract/queue-name.ts'
import { failure } from '../failure.ts'

test.each(['a', 'emails', 'tenant-1/emails', 'A_b.c:d@e', 'x'.repeat(100), '0'])('%s is a name', (name) => {
  expect(checkQueueName(name)).toBe(name)
})

test.each<[unknown]>([
  [''],
  [' '],
  ['a b'],
  ['a\n'],
  ['a\0'],
  ["a'"],
  ['a"; drop table tasks'],
  ['émails'],
  ['x'.repeat(101)],
  [5],
  [null],
  [undefined],
  [Symbol('s')],
])('%s is no name', (name) => {
  const { message } = failure('ERR_QUEUE_NAME', () => checkQueueName(name))
  expect(message).toContain('A queue name is 1 to 100 letters, digits and "-_.:/@", got ')
  expect(message.length).toBeLessThan(250)
})
