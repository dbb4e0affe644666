import { expect, test } from 'vitest'
import type { JoinRule } from '../../src/graph/graph.ts'
import { type EdgeState, opensAt, verdictOf } from '../../src/graph/join.ts'

const D = 'done'
const F = 'failed'
const S = 'skipped'
const two: JoinRule = { kind: 'nOf', n: 2 }

test.each<[string, JoinRule, EdgeState[], 'run' | 'skip']>([
  ['one runs when one leads there', { kind: 'one' }, [S, D, S], 'run'],
  ['one is skipped when none does', { kind: 'one' }, [S, S], 'skip'],
  ['all runs when all are done', { kind: 'all' }, [D, D], 'run'],
  ['all is skipped when one failed', { kind: 'all' }, [D, F], 'skip'],
  ['all is skipped when one was skipped', { kind: 'all' }, [D, S], 'skip'],
  ['allDone runs whatever became of them', { kind: 'allDone' }, [S, F], 'run'],
  ['noneFailed passes over those that were skipped', { kind: 'noneFailed' }, [D, S], 'run'],
  ['noneFailed is skipped when one failed', { kind: 'noneFailed' }, [D, F], 'skip'],
  ['noneFailed is skipped when all were skipped', { kind: 'noneFailed' }, [S, S], 'skip'],
  ['anyOf runs when one is done', { kind: 'anyOf' }, [F, D, S], 'run'],
  ['anyOf is skipped when none is done', { kind: 'anyOf' }, [F, S], 'skip'],
  ['nOf runs when so many are done', two, [D, F, D], 'run'],
  ['nOf is skipped when too few are done', two, [D, F, S], 'skip'],
])('%s', (_name, rule, states, verdict) => {
  expect(verdictOf(rule, states)).toBe(verdict)
})

test('only rules that can be sure earlier open before all have ended', () => {
  expect(opensAt({ kind: 'all' }, 3)).toEqual({ arrived: 3 })
  expect(opensAt({ kind: 'allDone' }, 3)).toEqual({ arrived: 3 })
  expect(opensAt({ kind: 'noneFailed' }, 3)).toEqual({ arrived: 3 })
  expect(opensAt({ kind: 'anyOf' }, 3)).toEqual({ arrived: 3, done: 1 })
  expect(opensAt(two, 3)).toEqual({ arrived: 3, done: 2 })
})

test('whenever a join opens early, it runs whatever becomes of the others', () => {
  const states: EdgeState[] = [D, F, S]
  for (const rule of [{ kind: 'anyOf' } as const, two, { kind: 'nOf', n: 3 } as const]) {
    for (const a of states)
      for (const b of states)
        for (const c of states) {
          const done = [a, b, c].filter((state) => state === D).length
          const { done: enough } = opensAt(rule, 3)
          expect(verdictOf(rule, [a, b, c])).toBe(done >= enough! ? 'run' : 'skip')
        }
  }
})
