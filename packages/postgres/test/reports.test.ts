/** What handlers say is kept in bounds, and progress only from the one who holds the task. */
import type { NewLogLine, TaskReport } from '@q/core'
import { uuidv7 } from '@q/core'
import type { PostgresBackend } from '@q/postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

async function held() {
  const storage = on.storage<number>()
  await storage.push(1)
  const instance = await instanceOf(storage as never)
  const { tasks } = await storage.backend.claim({ instance, queues: [{ queue: storage.queue, limit: 1 }] })
  return { backend: storage.backend as PostgresBackend, task: tasks[0]! }
}
const lines = (from: number, count: number): NewLogLine[] =>
  Array.from({ length: count }, (_, n) => ({
    attempt: 1,
    level: 'info',
    message: `line ${from + n}`,
    fields: n % 2 === 0 ? null : `{"n":${from + n}}`,
    at: 1_700_000_000_000 + from + n,
  }))
const count = async (id: string): Promise<number> =>
  (await on.rows('select from $schema.log where id = $1', [id])).length

test('of many lines the last thousand are read, and the others are deleted along the way', async () => {
  const { backend, task } = await held()
  const most: number[] = []
  for (let from = 0; from < 3_000; from += 150) {
    await backend.report([{ id: task.id, token: task.token, lines: lines(from, 150) }])
    most.push(await count(task.id))
  }
  expect(Math.max(...most)).toBeLessThanOrEqual(1_250)
  const read = await backend.readLog(task.id, { limit: 1_000 })
  expect(read.map(({ message }) => message)).toEqual(lines(2_000, 1_000).map(({ message }) => message))
  expect(read[1]).toMatchObject({ level: 'info', fields: '{"n":2001}', at: 1_700_000_002_001, attempt: 1 })
  const rest = await backend.readLog(task.id, { after: read[899]!.seq, limit: 60 })
  expect(rest.map(({ message }) => message)).toEqual(lines(2_900, 60).map(({ message }) => message))
})

test('lines of one call keep their order over several tasks, and those of unknown tasks are dropped', async () => {
  const [a, b] = [await held(), await held()]
  const unknown = uuidv7()
  const reports: TaskReport[] = [a.task, b.task, { id: unknown, token: '1' }, a.task].map(({ id, token }, n) => ({
    id,
    token,
    lines: lines(10 * n, 3),
  }))
  await a.backend.report(reports)
  expect((await a.backend.readLog(a.task.id)).map(({ message }) => message)).toEqual(
    [...lines(0, 3), ...lines(30, 3)].map(({ message }) => message),
  )
  expect(await a.backend.readLog(b.task.id)).toHaveLength(3)
  expect(await count(unknown)).toBe(0)
})

test('progress is that of the current token, whatever comes in the same call', async () => {
  const { backend, task } = await held()
  const say = (token: string, done: number): TaskReport => ({
    id: task.id,
    token,
    progress: { done, total: 9, note: `${done}` },
    lines: [],
  })
  await backend.report([say('5', 1), say(task.token, 2), say(task.token, 3), say('6', 4)])
  expect((await backend.fetchById(task.id))?.progress).toEqual({ done: 3, total: 9, note: '3' })
  await backend.settle([{ id: task.id, token: task.token, kind: 'done', result: null }])
  await backend.report([say(task.token, 8)])
  expect((await backend.fetchById(task.id))?.progress).toEqual({ done: 3, total: 9, note: '3' })
})

test('a call that says nothing sends nothing', async () => {
  const { backend, task } = await held()
  await backend.report([])
  await backend.report([{ id: task.id, token: task.token, lines: [] }])
  expect(await backend.readLog(task.id)).toEqual([])
})

test.each([{ limit: 0 }, { limit: 1_001 }, { after: 'x' }, { after: '-1' }, { aftr: '1' }])(
  'readLog with %j is refused',
  async (options) => {
    const { backend } = await held()
    await expect(backend.readLog(uuidv7(), options as never)).rejects.toMatchObject({ code: 'ERR_OPTION' })
  },
)
