import { describe, expect, test } from 'vitest'
import type { StandardSchemaV1 } from '../../src/contract/standard-schema.ts'
import { isStandardSchema, validate } from '../../src/contract/validate.ts'
import { failure } from '../failure.ts'

function schema(answer: unknown): StandardSchemaV1<unknown, number> {
  return { '~standard': { version: 1, vendor: 'test', validate: () => answer as never } }
}
const refused = (answer: unknown): string =>
  failure('ERR_INVALID', () => validate(schema(answer), 1, 'q', 'args')).message

describe('validate', () => {
  test('gives what the schema gives', () => {
    expect(validate(schema({ value: 5 }), 1, 'q', 'args')).toBe(5)
    expect(validate(schema({ value: undefined }), 1, 'q', 'args')).toBeUndefined()
  })

  test.each<[unknown, string]>([
    [[], 'args: is bad'],
    [undefined, 'args: is bad'],
    [['a', 0, 'b c'], 'args.a[0]["b c"]: is bad'],
    [[{ key: 'a' }, { key: 1 }], 'args.a[1]: is bad'],
    [[Symbol('x')], 'args[Symbol(x)]: is bad'],
  ])('names the path %j', (path, message) => {
    expect(refused({ issues: [{ message: 'is bad', path }] })).toBe(`q: ${message}`)
  })

  test('names five issues and counts the rest', () => {
    const issues = Array.from({ length: 7 }, (_, n) => ({ message: 'no', path: [n] }))
    expect(refused({ issues })).toBe('q: args[0]: no; args[1]: no; args[2]: no; args[3]: no; args[4]: no; and 2 more')
  })

  test.each<[unknown]>([
    [null],
    [undefined],
    [5],
    [{ issues: [] }],
    [{ issues: [null] }],
    [{ issues: [{ message: 5 }] }],
    [{ issues: null }],
    [{ issues: null, value: 1 }],
    [{ issues: false }],
    [{ issues: 'no' }],
    [{ issues: { 0: 'no', length: 1 } }],
    [{ issues: Array(2) }],
    [{ issues: [undefined, 5, 'no', Symbol('no')] }],
    [{ issues: [{ message: 'is bad', path: null }] }],
    [{ issues: [{ message: 'is bad', path: 5 }] }],
    [{ issues: [{ message: 'is bad', path: { length: 1 } }] }],
    [{ issues: [{ message: 'is bad', path: 'abc' }] }],
    [{}],
    [[]],
    ['yes'],
    [() => ({ value: 1 })],
    [Symbol('yes')],
  ])('takes the answer %j for a refusal', (answer) => {
    expect(refused(answer)).toMatch(/^q: args: /)
  })

  test.each<[string, unknown]>([
    [
      'issues',
      {
        get issues() {
          throw new Error('gone')
        },
      },
    ],
    [
      'a value',
      {
        get value() {
          throw new Error('gone')
        },
      },
    ],
    [
      'a message',
      {
        issues: [
          {
            get message() {
              throw new Error('gone')
            },
          },
        ],
      },
    ],
    [
      'a path',
      {
        issues: [
          {
            message: 'no',
            get path() {
              throw new Error('gone')
            },
          },
        ],
      },
    ],
    [
      'a key',
      {
        issues: [
          {
            message: 'no',
            path: [
              {
                get key() {
                  throw new Error('gone')
                },
              },
            ],
          },
        ],
      },
    ],
    [
      'everything',
      new Proxy(
        {},
        {
          get() {
            throw new Error('gone')
          },
          has() {
            throw new Error('gone')
          },
        },
      ),
    ],
  ])('takes an answer of which %s cannot be read for a refusal', (_, answer) => {
    expect(refused(answer)).toBe('q: args: the schema threw: gone')
  })

  test('takes a promise for asynchronous, and does not let it end the process', () => {
    failure('ERR_SCHEMA_ASYNC', () => validate(schema(Promise.reject(new Error('late'))), 1, 'q', 'args'))
  })

  test('keeps long messages short and well formed', () => {
    expect(refused({ issues: [{ message: `\ud800${'x'.repeat(1_000)}` }] }).length).toBeLessThan(320)
  })
})

test('schemas are told by version and function, whether objects or functions', () => {
  expect(isStandardSchema(schema(1))).toBe(true)
  expect(isStandardSchema(Object.assign(() => 1, schema(1)))).toBe(true)
  for (const other of [null, undefined, 'x', {}, () => 1, { '~standard': null }, { '~standard': { version: 1 } }])
    expect(isStandardSchema(other)).toBe(false)
})
