/** Arguments that no program means. Each is refused before the store is asked anything, or names nothing; on every backend alike. */
import assert from 'node:assert/strict'
import type { ErrorCode, NewLogLine, TaskChange } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase, Fact } from '../case.ts'
import { fact, section } from '../case.ts'
import { rejects } from '../check.ts'
import type { CaseContext } from '../context.ts'
import type { Need } from '../under-test.ts'

/** No queue can be called so. */
const NO_QUEUE: readonly [string, unknown][] = [
  ['nothing', ''],
  ['NUL', 'q\0q'],
  ['a lone surrogate', 'q\ud800'],
  ['200 characters', 'q'.repeat(200)],
  ['a megabyte', 'q'.repeat(1_000_000)],
  ['a number', 5],
  ['null', null],
]
/** No task has such an id. */
const NO_ID: readonly [string, unknown][] = [
  ['nothing', ''],
  ['a word', 'x'],
  ['NUL', '\0'],
  ['an id in capitals', 'FFFFFFFF-FFFF-4FFF-8FFF-FFFFFFFFFFFF'],
  ['an id in braces', '{00000000-0000-4000-8000-000000000000}'],
  ['a megabyte', 'f'.repeat(1_000_000)],
  ['a number', 5],
  ['null', null],
]
const NO_NUMBER: readonly unknown[] = [Number.NaN, Infinity, -Infinity, '1', null, {}]
const NO_LIMIT: readonly unknown[] = [...NO_NUMBER, 0, -1, 1.5, 1e9]
const NO_MOMENT: readonly unknown[] = [...NO_NUMBER, 1e300, -8.7e15]
const NO_TEXT: readonly unknown[] = ['a\0b', 'a\ud800', 'x'.repeat(10_000), 5, null]
const NO_CURSOR: readonly unknown[] = ['', 'x', '\0', 'x'.repeat(10_000), 5, null]

/** Any argument, as a program without types would give it. */
const any = (value: unknown): never => value as never
const withRest = <T extends object>(rest: T, name: string, values: readonly unknown[]): T[] =>
  values.map((value) => ({ ...rest, [name]: value }))

/** A call that is refused with a code, whatever it is given of some arguments. */
function refused(
  need: Need,
  what: string,
  code: ErrorCode,
  given: readonly unknown[],
  call: (c: CaseContext, value: never) => Promise<unknown>,
): Fact {
  return fact(
    `${need} refuses ${what} with ${code}`,
    async (c) => {
      for (const value of given) await rejects(code, call(c, any(value)))
    },
    need,
  )
}

const queues = NO_QUEUE.map(([, queue]) => queue)
const ids = NO_ID.map(([, id]) => id)
const line: NewLogLine = { attempt: 1, level: 'info', message: 'said', fields: null, at: 0 }
const report = { id: uuidv7(), token: '1', lines: [] as readonly NewLogLine[] }
const metric = { from: 0, to: 1, step: 'minute' as const }

/** Lists with pages. */
const LISTS: readonly (readonly [Need, (c: CaseContext, filter: never, page?: never) => Promise<unknown>])[] = [
  ['listTasks', (c, filter, page) => c.with('listTasks').listTasks(filter, page)],
  ['listWorkers', (c, filter, page) => c.with('listWorkers').listWorkers(filter, page)],
  ['listErrorGroups', (c, filter, page) => c.with('listErrorGroups').listErrorGroups(filter, page)],
]

export const argumentCases: readonly ConformanceCase[] = section('arguments', [
  ...LISTS.flatMap(([need, list]) => [
    refused(need, 'pages that are none', 'ERR_OPTION', pages(), (c, page) => list(c, any({}), page)),
    refused(need, 'queues that none can be called', 'ERR_QUEUE_NAME', queues, (c, queue) => list(c, any({ queue }))),
    refused(need, 'filters that are none', 'ERR_OPTION', [5, 'x', { till: 1 }], list),
  ]),
  ...(['listTasks', 'countTasks'] as const).map((need) =>
    refused(need, 'tasks that are none', 'ERR_OPTION', filters(), (c, filter) =>
      need === 'listTasks' ? c.with(need).listTasks(filter) : c.with(need).countTasks(filter),
    ),
  ),
  fact(
    'listTasks takes every moment that a Date can be',
    async (c) => {
      await c.pushed(1)
      const { listTasks } = {
        listTasks: (filter: object) => c.with('listTasks').listTasks({ queue: c.queue, ...filter }),
      }
      for (const status of [undefined, 'done', 'pending'] as const) {
        const narrowed = status === undefined ? {} : { status }
        await listTasks({ ...narrowed, createdFrom: -8.64e15, createdTo: 8.64e15 })
        assert.deepEqual((await listTasks({ ...narrowed, createdTo: -8.64e15 })).items, [])
        assert.deepEqual((await listTasks({ ...narrowed, createdFrom: 8.64e15 })).items, [])
      }
      assert.equal((await listTasks({ createdFrom: -8.64e15, createdTo: 8.64e15 })).items.length, 1)
    },
    'listTasks',
  ),
  refused('countTasks', 'queues that none can be called', 'ERR_QUEUE_NAME', queues, (c, queue) =>
    c.with('countTasks').countTasks({ queue }),
  ),
  refused('listQueues', 'queues that none can be called', 'ERR_QUEUE_NAME', queues, (c, queue) =>
    c.with('listQueues').listQueues({ queue }),
  ),
  refused('metrics', 'queues that none can be called', 'ERR_QUEUE_NAME', queues, (c, queue) =>
    c.with('metrics').metrics({ ...metric, queue }),
  ),
  refused('metrics', 'spans that are none', 'ERR_OPTION', metrics(), (c, request) =>
    c.with('metrics').metrics(request),
  ),
  refused('events', 'queues that none can be called', 'ERR_QUEUE_NAME', queues, async (c, queue) =>
    c.with('events').events(queue),
  ),
  refused('events', 'cursors that no event had', 'ERR_OPTION', NO_CURSOR, async (c, after) =>
    c.with('events').events(c.queue, { after }),
  ),
  refused('report', 'lines and progress that cannot be kept', 'ERR_OPTION', reports(), (c, given) =>
    c.with('report').report([given]),
  ),
  refused('report', 'to read lines that are none', 'ERR_OPTION', lineRequests(), (c, options) =>
    c.with('report').readLog(uuidv7(), options),
  ),
  fact(
    'report takes a token that is none for one that is not current, and an id that is none for a task that is not there',
    async (c) => {
      const { task } = await c.claimed()
      const progress = { done: 1, total: null, note: null }
      for (const token of ['', 'x', '\0', '-1', '1e3', '9'.repeat(30), any(5), any(null)])
        await c.with('report').report([{ id: task.id, token, progress, lines: [line] }])
      for (const id of ids) await c.with('report').report([{ id: any(id), token: task.token, progress, lines: [line] }])
      assert.equal((await c.with('report').readLog(task.id)).length, 8)
    },
    'report',
  ),
  fact(
    'no task has an id that is none',
    async (c) => {
      for (const [what, id] of NO_ID) {
        assert.equal(await c.with('fetchById').fetchById(any(id)), null, what)
        assert.deepEqual(await c.with('listAttempts').listAttempts(any(id)), [], what)
        assert.deepEqual(await c.with('report').readLog(any(id)), [], what)
        await rejects('ERR_TASK_NOT_FOUND', c.outcome(any(id)))
      }
    },
    'fetchById',
    'listAttempts',
    'report',
  ),
  fact(
    'nothing is done to an id that is none, nor to the same id in capitals; the others of the call are not kept from it',
    async (c) => {
      const [task, scheduled] = await c.push({}, { due: { afterMs: 60_000 } })
      const wrong = [...ids.map(any), task!.id.toUpperCase()]
      const unknown = wrong.map(() => 'unknown')
      for (const id of wrong) assert.equal(await c.with('update').update(id, { priority: 1 }), 'unknown')
      assert.deepEqual(await c.with('resumeById').resumeById([...wrong, scheduled!.id]), [...unknown, 'resumed'])
      assert.deepEqual(await c.with('remove').remove([...wrong, scheduled!.id]), [...unknown, 'applied'])
      assert.deepEqual(await c.with('cancel').cancel(wrong), unknown)
      assert.equal((await c.stored(task!.id)).status, 'pending')
      assert.deepEqual(await c.with('cancel').cancel([...wrong, task!.id]), [...unknown, 'cancelled'])
      for (const id of wrong) assert.equal(await c.with('commandWorker').commandWorker(id, 'stop'), false)
    },
    'update',
    'resumeById',
    'remove',
    'cancel',
    'commandWorker',
    'fetchById',
  ),
  refused('update', 'changes that cannot be made', 'ERR_OPTION', changes(), async (c, change) => {
    const [task] = await c.pushed(1)
    return c.with('update').update(task!.id, change)
  }),
  refused('cancel', 'a reason that is no text', 'ERR_OPTION', [5, null, {}], async (c, reason) =>
    c.with('cancel').cancel([uuidv7()], reason),
  ),
  refused('pause', 'words that are none', 'ERR_OPTION', [{ by: 5 }, { reason: null }], (c, info) =>
    c.with('pause').pause(c.queue, info),
  ),
  ...(['pause', 'resume'] as const).map((call) =>
    fact(
      `${call} refuses queues that none can be called with ERR_QUEUE_NAME`,
      async (c) => {
        for (const queue of queues) await rejects('ERR_QUEUE_NAME', c.with('pause')[call](any(queue)))
      },
      'pause',
    ),
  ),
  fact(
    'who paused a queue, and why, is kept as far as a store can keep it',
    async (c) => {
      await c.pushed(1)
      await c.with('pause').pause(c.queue, { by: 'a\0b', reason: `\ud800${'x'.repeat(1_000)}` })
      const [info] = await c.with('listQueues').listQueues({ queue: c.queue })
      assert.deepEqual([info?.paused?.by, info?.paused?.reason], ['a\ufffdb', `\ufffd${'x'.repeat(499)}`])
    },
    'pause',
    'listQueues',
  ),
  refused('vacuum', 'queues that none can be called', 'ERR_QUEUE_NAME', queues, (c, queue) =>
    c.with('vacuum').vacuum(queue, { doneMs: 0 }, 1),
  ),
  refused('vacuum', 'limits that are none', 'ERR_OPTION', NO_LIMIT, (c, limit) =>
    c.with('vacuum').vacuum(c.queue, { doneMs: 0 }, limit),
  ),
  refused('vacuum', 'spans that are none', 'ERR_OPTION', [...NO_NUMBER, -1, 1e300], (c, doneMs) =>
    c.with('vacuum').vacuum(c.queue, { doneMs }, 1),
  ),
  refused('acquire', 'limits that are none', 'ERR_OPTION', limits(), (c, request) =>
    c.with('acquire').acquire([request]),
  ),
  fact(
    'acquire grants nothing to a claim that is none',
    async (c) => {
      for (const [id, token] of [
        ...ids.map((id) => [id, '1']),
        ...['', 'x', '\0', null].map((token) => [uuidv7(), token]),
      ]) {
        const [answer] = await c
          .with('acquire')
          .acquire([{ kind: 'concurrency', key: c.queue, limit: 1, id: any(id), token: any(token) }])
        assert.equal(answer!.granted, false)
      }
    },
    'acquire',
  ),
])

function pages(): unknown[] {
  return [5, { size: 1 }, ...withRest({}, 'limit', [...NO_LIMIT, 201]), ...withRest({}, 'cursor', NO_CURSOR)]
}

function filters(): unknown[] {
  return [
    null,
    5,
    { till: 1 },
    ...withRest({}, 'status', ['', 'ended', '\0', 5, null, 'toString']),
    ...withRest({}, 'fingerprint', NO_TEXT),
    ...withRest({}, 'createdFrom', NO_MOMENT),
    ...withRest({}, 'createdTo', NO_MOMENT),
  ]
}

function metrics(): unknown[] {
  return [
    null,
    ...withRest(metric, 'from', [...NO_MOMENT, -1, 8.64e15]),
    ...withRest(metric, 'to', [...NO_MOMENT, -1, 8.64e15]),
    ...withRest(metric, 'step', ['week', '', 5, null, undefined, 'toString']),
    { ...metric, till: 1 },
  ]
}

function reports(): unknown[] {
  const lines = [
    ...withRest(line, 'attempt', [...NO_NUMBER, -1, 40_000]),
    ...withRest(line, 'level', ['loud', '', 5, null]),
    ...withRest(line, 'message', NO_TEXT),
    ...withRest(line, 'fields', NO_TEXT.slice(0, -1)),
    ...withRest(line, 'at', NO_MOMENT),
  ]
  const progress = { done: 1, total: null, note: null }
  return [
    ...lines.map((one) => ({ ...report, lines: [one] })),
    ...withRest(progress, 'done', NO_NUMBER).map((one) => ({ ...report, progress: one })),
    ...withRest(progress, 'note', NO_TEXT.slice(0, -1)).map((one) => ({ ...report, progress: one })),
  ]
}

function lineRequests(): unknown[] {
  return [null, { from: 1 }, ...withRest({}, 'limit', [...NO_LIMIT, 1_001]), ...withRest({}, 'after', NO_CURSOR)]
}

function changes(): unknown[] {
  const moments = [...NO_MOMENT, Number.MAX_VALUE].map((at) => ({ at }))
  const spans = [...NO_NUMBER, 1e300].map((afterMs) => ({ afterMs }))
  return [
    ...withRest({}, 'priority', [...NO_NUMBER, 1.5, 1_000]),
    ...withRest({}, 'maxAttempts', [Number.NaN, 0, 1.5, 1e6, '1']),
    ...withRest({}, 'metadata', [5, { a: 5 }, { a: 'x\0' }, { 'a\0': 'x' }, { a: 'x'.repeat(10_000) }]),
    ...withRest({}, 'due', [...moments, ...spans]),
    ...withRest({}, 'deadline', [...moments, ...spans]),
    ...withRest({}, 'timeoutMs', [Number.NaN, Infinity, -1, '1']),
  ] satisfies Partial<Record<keyof TaskChange, unknown>>[]
}

function limits(): unknown[] {
  const rate = { kind: 'rate', key: 'k', limit: 1, periodMs: 1_000 }
  return [
    ...withRest(rate, 'key', NO_TEXT),
    ...withRest(rate, 'limit', NO_LIMIT),
    ...withRest(rate, 'periodMs', [...NO_NUMBER, 0, 1.5, 1e12]),
  ]
}
