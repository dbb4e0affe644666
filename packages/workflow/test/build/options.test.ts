import { exponential, fixed } from '@q/core'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { Workflow } from '../../src/build/chain.ts'
import type { MapOptions } from '../../src/graph/graph.ts'
import { refusal } from '../refusal.ts'

const numbers = new Workflow<number>('flow')
const lists = new Workflow<number[]>('flow')

function step(options: object) {
  const node = numbers.andThen('a', (n) => n, options).graph.nodes.get('a')!
  return { ...node, schema: node.work.kind === 'step' ? node.work.schema : undefined }
}

function map(options: object): MapOptions | undefined {
  const { work } = lists.map('a', (n) => n, options).graph.nodes.get('a')!
  return work.kind === 'map' ? work.map : undefined
}

describe('options of a node', () => {
  test('are none by default', () => {
    expect(step({})).toMatchObject({ options: {}, aliases: [], schema: undefined })
  })

  test('are checked, and become what the engine reads', () => {
    const backoff = fixed('1s')
    const compensate = () => undefined
    const migrate = () => 1
    const { options, aliases } = step({
      retry: { retries: 2, backoff },
      timeout: '5s',
      priority: 9,
      compensate,
      migrate,
      aliases: ['old'],
    })
    expect(options).toEqual({ retry: { limit: 3, backoff }, timeoutMs: 5_000, priority: 9, compensate, migrate })
    expect(aliases).toEqual(['old'])
  })

  test.each<[object, string]>([
    [{ rety: {} }, 'ERR_OPTION Workflow "flow": node "a": unknown option "rety", did you mean "retry"?'],
    [{ retry: { retries: -1 } }, 'ERR_OPTION Workflow "flow": node "a": retry: retries must be a whole number'],
    [{ retry: { tries: 1 } }, 'ERR_OPTION Workflow "flow": node "a": retry: unknown option "tries"'],
    [{ retry: exponential() }, 'ERR_OPTION Workflow "flow": node "a": retry: options must be an object, got function'],
    [{ timeout: 0 }, 'ERR_DURATION Workflow "flow": node "a": timeout must be between 1'],
    [{ priority: 101 }, 'ERR_OPTION Workflow "flow": node "a": priority must be a whole number from -100 to 100'],
    [{ compensate: 'x' }, 'ERR_OPTION Workflow "flow": node "a": compensate must be a function, got string.'],
    [{ migrate: null }, 'ERR_OPTION Workflow "flow": node "a": migrate must be a function, got null.'],
    [{ aliases: 'old' }, 'ERR_OPTION Workflow "flow": node "a": aliases must be a list of names.'],
    [{ input: {} }, 'ERR_OPTION Workflow "flow": node "a": input must be a Standard Schema'],
    [{ onFailure: 'continue' }, 'ERR_OPTION Workflow "flow": node "a": unknown option "onFailure"'],
  ])('refuse %j', (options, message) => {
    expect(refusal(() => step(options))).toContain(message)
  })

  test('check what goes in and what comes out, naming the node', () => {
    const { schema } = step({ input: z.coerce.number(), output: z.string() })
    expect(schema!.input!('5')).toBe(5)
    expect(refusal(() => schema!.output!(5))).toContain('ERR_INVALID Workflow "flow": node "a": output: ')
  })

  test('of waits and children are those that mean something there', () => {
    const known = 'Known: priority, aliases, migrate'
    expect(refusal(() => numbers.waitFor('a', () => undefined as never, { retry: {} } as never))).toContain(known)
    expect(refusal(() => numbers.child('a', numbers, { timeout: 5 } as never))).toContain(known)
    expect(refusal(() => lists.map('a', (n) => n, { compensate: () => 1 } as never))).toContain(
      'unknown option "compensate"',
    )
  })
})

describe('options of a map', () => {
  test('have defaults', () => {
    expect(map({})).toEqual({
      concurrency: 100,
      isolate: 'auto',
      sliceSize: 500,
      tolerate: { count: 0 },
      perSecond: null,
    })
  })

  test('are checked, and become what the engine reads', () => {
    expect(
      map({ concurrency: 5, isolate: 'slice', sliceSize: 10, tolerate: '2.5%', rate: { limit: 30, per: '1m' } }),
    ).toEqual({ concurrency: 5, isolate: 'slice', sliceSize: 10, tolerate: { share: 0.025 }, perSecond: 0.5 })
    expect(map({ tolerate: 3 })).toMatchObject({ tolerate: { count: 3 } })
  })

  test.each<[object, string]>([
    [{ concurrency: 0 }, 'concurrency must be a whole number from 1 to 10000, got 0.'],
    [{ isolate: 'slices' }, 'isolate must be "element", "slice" or "auto".'],
    [{ sliceSize: 1.5 }, 'sliceSize must be a whole number'],
    [{ sliceSize: 501 }, 'sliceSize must be a whole number from 1 to 500, got 501.'],
    [
      { tolerate: -1 },
      'tolerate must be a whole number of elements from 0 on, or a share from "0%" to "100%", got -1.',
    ],
    [{ tolerate: '101%' }, 'got "101%".'],
    [{ tolerate: '5' }, 'got "5".'],
    [{ rate: { limit: 0, per: '1s' } }, 'rate: limit must be a whole number'],
    [{ rate: { limit: 1, per: 0 } }, 'rate: per must be between 1'],
    [{ rate: { limit: 1, pre: '1s' } }, 'rate: unknown option "pre", did you mean "per"?'],
  ])('refuse %j', (options, message) => {
    expect(refusal(() => map(options))).toContain(message)
  })
})

test('a loop has bounds, and a pause', () => {
  const loop = (options: object) => numbers.repeatUntil('a', (n) => n, options).graph.nodes.get('a')!.work
  expect(loop({})).toMatchObject({ max: 1_000, everyMs: 0 })
  expect(loop({ max: 5, every: '1s' })).toMatchObject({ max: 5, everyMs: 1_000 })
  expect(refusal(() => loop({ max: 0 }))).toContain('node "a": max must be a whole number from 1 to 1000000')
  expect(refusal(() => loop({ every: -1 }))).toContain('node "a": every must be between 0')
})
