import { describe, expect, test } from 'vitest'
import { MemoryBackend, MemoryStorage } from '../../src/memory/index.ts'
import { failure, rejection } from '../failure.ts'
import { ManualClock } from '../manual-clock.ts'

test('several storages share one backend, each with its own queue', async () => {
  const backend = new MemoryBackend()
  const emails = new MemoryStorage<string>({ queue: 'emails', backend })
  const sums = new MemoryStorage<number>({ queue: 'sums', backend })
  const email = await emails.push('a')
  const sum = await sums.push(1)
  expect((await backend.fetchById(email.id))?.queue).toBe('emails')
  expect((await emails.backend.fetchById(sum.id))?.queue).toBe('sums')
  await emails.close()
  await rejection('ERR_CLOSED', sums.push(2))
})

test('a storage of its own has a backend of its own, on the clock given', async () => {
  const clock = new ManualClock()
  const storage = new MemoryStorage<number>({ clock, keepFinished: 5 })
  const { id } = await storage.push(1)
  expect((await storage.backend.fetchById(id))?.createdAt).toBe(clock.now())
  const other = new MemoryStorage<number>()
  expect(await other.backend.fetchById(id)).toBeNull()
})

describe('mistakes', () => {
  test.each<[object, string]>([
    [{ quue: 'a' }, 'MemoryStorage: unknown option "quue", did you mean "queue"?'],
    [{ keepfinished: 5 }, 'did you mean "keepFinished"?'],
    [{ keepFinished: -1 }, 'keepFinished must be a whole number from 0 to 10000000, got -1'],
    [{ clock: Date }, 'clock must have now() and after()'],
    [{ backend: {} }, 'backend must be a MemoryBackend'],
    [{ backend: new MemoryBackend(), keepFinished: 5 }, 'give keepFinished to the MemoryBackend'],
    [{ backend: new MemoryBackend(), clock: new ManualClock() }, 'give clock to the MemoryBackend'],
  ])('%j', (options, message) => {
    expect(failure('ERR_OPTION', () => new MemoryStorage(options)).message).toContain(message)
  })

  test('an unknown option of the backend', () => {
    const options: object = { clok: new ManualClock() }
    expect(failure('ERR_OPTION', () => new MemoryBackend(options)).message).toBe(
      'MemoryBackend: unknown option "clok", did you mean "clock"?',
    )
  })
})
