/** The checker of the fault suite itself: each invariant must be able to fail. */
import { expect, test } from 'vitest'
import type { Step } from './history.ts'
import type { Run } from './invariants.ts'
import { violations } from './invariants.ts'
import type { Entry } from './ledger.ts'

const ID = '01a20be2-4dcd-7000-9332-f06840f6a0a8'

/** Steps as `from>to token attempt`. */
function steps(...lines: readonly string[]): Step[] {
  return lines.map((line, seq) => {
    const [from, to, token, attempt] = line.split(/[> ]/)
    const status = (name: string | undefined): Step['to'] => name as Step['to']
    const start = from === '' ? null : status(from)
    return {
      seq,
      id: ID,
      from: start,
      to: status(to),
      token: token ?? '0',
      attempt: Number(attempt),
      crashes: 0,
      dueAt: 0,
      at: 10,
    }
  })
}

function entry(kind: Entry['kind'], attempt: number): Entry {
  return { pid: 1, at: 10, kind, id: ID, attempt }
}

const CRASHED = steps(
  '>pending 0 0',
  'pending>queued 1 1',
  'queued>failed 2 1',
  'failed>queued 3 2',
  'queued>running 3 2',
  'running>done 3 2',
)
const GOOD: Run = {
  pushes: new Map([[ID, 'ok']]),
  history: CRASHED,
  entries: [entry('start', 1), entry('effect', 1), entry('start', 2), entry('effect', 2)],
  statuses: new Map([[ID, 'done']]),
}

test('a task whose first worker died and whose second one finished it breaks no invariant', () => {
  expect(violations(GOOD)).toEqual([])
})

test.for<[string, Partial<Run>]>([
  ['I1', { statuses: new Map() }],
  ['I1', { history: [...steps('>pending 0 0'), ...CRASHED] }],
  ['I1', { pushes: new Map([[ID, 'fail']]) }],
  ['I1', { pushes: new Map() }],
  ['I2', { history: CRASHED.slice(0, 5), statuses: new Map([[ID, 'running']]) }],
  ['I3', { history: [...CRASHED, ...steps('running>done 3 2')] }],
  ['I4', { entries: [entry('start', 1), entry('effect', 1), entry('start', 2)] }],
  ['I5', { entries: [...GOOD.entries, entry('start', 2)] }],
  ['I5', { history: steps('>pending 0 0', 'pending>queued 1 0', 'queued>done 1 0') }],
  [
    'I6',
    {
      history: steps('>pending 0 0', 'pending>queued 5 1', 'queued>failed 6 1', 'failed>queued 4 2', 'queued>done 4 2'),
    },
  ],
  ['I6', { history: [...CRASHED.slice(0, 5), ...steps('running>done 1 2')] }],
  ['I7', { history: steps('>pending 0 0', 'pending>queued 1 1', 'queued>queued 2 2', 'queued>done 2 2') }],
  ['I8', { history: CRASHED.map((step) => ({ ...step, dueAt: 1_000 })) }],
  ['I10', { history: steps('>pending 0 0', 'pending>done 0 0') }],
])('%s is seen to be broken', ([name, change]) => {
  expect(violations({ ...GOOD, ...change }).map((line) => line.split(' ')[0])).toContain(name)
})
