import { QError } from '@q/core'
import { describe, expect, test } from 'vitest'
import { classify, toBackendError } from '../src/connection/classify.ts'

const withCode = (code: string, message = 'x'): Error => Object.assign(new Error(message), { code })

describe('classify', () => {
  test.each([
    ['conflict', ['40001', '40P01']],
    ['locked', ['55P03', 'Q0002', 'Q0003']],
    [
      'unavailable',
      [
        '08006',
        '08P01',
        '57P01',
        '57P02',
        '57P03',
        '57014',
        '53300',
        '53400',
        '25006',
        '25P03',
        'ECONNRESET',
        'ECONNREFUSED',
        'EPIPE',
        'ETIMEDOUT',
        'ENOTFOUND',
        'EAI_AGAIN',
        'EHOSTUNREACH',
      ],
    ],
    ['schema', ['42P01', '3F000', '42883']],
    ['refused', ['22P05', '22021', '23505', '42601', '54000', '28P01', '3D000']],
  ] as const)('%s', (kind, codes) => {
    for (const code of codes) expect([code, classify(withCode(code))]).toEqual([code, kind])
  })

  test.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'Client has encountered a connection error and is not queryable',
    'Query read timeout',
    'timeout exceeded when trying to connect',
    'Cannot use a pool after calling end on the pool',
  ])('pg’s “%s”, which has no code, is the connection', (message) => {
    expect(classify(new Error(message))).toBe('unavailable')
  })

  test.each([undefined, null, 0, 'text', {}, { code: 7 }, Object.create(null), new TypeError('x is not a function')])(
    '%s is refused, not thrown upon',
    (thrown) => {
      expect(classify(thrown)).toBe('refused')
      expect(toBackendError(thrown, 'test', 'q')).toMatchObject({ code: 'ERR_BACKEND' })
    },
  )
})

test('an error of ours passes through', () => {
  const ours = new QError('ERR_CLOSED', 'closed')
  expect(toBackendError(ours, 'test', 'q')).toBe(ours)
})
