import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { extension } from '../../src/metadata/extension.ts'
import { metadataKey } from '../../src/metadata/metadata-key.ts'
import { failure } from '../failure.ts'

describe('a metadata key', () => {
  const tenant = metadataKey('tenant')
  const origin = metadataKey('origin', { schema: z.object({ page: z.string() }) })
  const since = metadataKey<Date>('since', { encode: (date) => date.toISOString(), decode: (text) => new Date(text) })

  test('writes and reads text as it is, other values as JSON, or as it is told', () => {
    expect(tenant.inject('acme')).toEqual({ tenant: 'acme' })
    expect(tenant.extract({ tenant: 'acme' })).toBe('acme')
    expect(origin.inject({ page: '/' }, tenant.inject('acme'))).toEqual({ tenant: 'acme', origin: '{"page":"/"}' })
    expect(origin.extract({ origin: '{"page":"/"}' })).toEqual({ page: '/' })
    expect(since.extract(since.inject(new Date(5)))).toEqual(new Date(5))
  })

  test('tells what is missing from what is invalid', () => {
    expect(origin.extract(null)).toBeUndefined()
    expect(origin.extract({ tenant: 'acme' })).toBeUndefined()
    expect(metadataKey('toString').extract({})).toBeUndefined()
    expect(failure('ERR_INVALID', () => origin.extract({ origin: '{' })).cause).toBeInstanceOf(SyntaxError)
    expect(failure('ERR_INVALID', () => origin.extract({ origin: '{"page":5}' })).message).toContain(
      'extract: metadata["origin"].page: ',
    )
  })

  test('refuses to write what could not be read', () => {
    failure('ERR_INVALID', () => origin.inject({ page: 5 } as never))
    failure('ERR_ENCODE', () => metadataKey<unknown>('x', {}).inject(undefined))
    failure('ERR_ENCODE', () => metadataKey<unknown>('x', {}).inject(5n))
    failure('ERR_OPTION', () => tenant.inject('x'.repeat(2_000)))
  })

  test.each<[unknown, unknown]>([
    ['', undefined],
    ['x'.repeat(600), undefined],
    ['a\0', undefined],
    [5, undefined],
    ['x', { encod: String }],
    ['x', { encode: 'json' }],
    ['x', { schema: {} }],
    ['x', null],
  ])('is not made of %j %j', (name, options) => {
    failure('ERR_OPTION', () => metadataKey(name as string, options as object))
  })
})

test('an extension holds one value per context and extension, whatever their names', () => {
  const [a, b] = [extension<number>('n'), extension<number>('n')]
  const [first, second] = [{}, {}]
  a.set(first, 1)
  a.set(first, 2)
  expect([a.get(first), a.get(second), b.get(first)]).toEqual([2, undefined, undefined])
})
