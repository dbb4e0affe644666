import { expect, test } from 'vitest'
import { CAPABILITIES, required, supports } from '../../src/backend/capability.ts'
import { MemoryBackend } from '../../src/memory/index.ts'
import { failure } from '../failure.ts'

test('the memory backend offers every capability in the table but transactions', () => {
  const backend = new MemoryBackend()
  expect(supports(backend, 'transaction')).toBe(false)
  for (const capability of CAPABILITIES.filter((each) => each !== 'transaction')) {
    expect(supports(backend, capability)).toBe(true)
    expect(required(backend, capability)).toBe(backend)
  }
})

test('a missing capability is named, and so is the backend', () => {
  const backend = Object.assign(Object.create(new MemoryBackend()), {
    name: 'small',
    wake: undefined,
  })
  expect(supports(backend, 'wake')).toBe(false)
  expect(failure('ERR_NOT_SUPPORTED', () => required(backend, 'wake')).message).toContain(
    'The small backend cannot wake',
  )
})
