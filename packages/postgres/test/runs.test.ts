/** Runs where only Postgres can go wrong: two sessions at one run, and who waits for whom. */
import type { ClaimedTask, NewRun, NewTask, Settlement } from '@q/core'
import { uuidv7 } from '@q/core'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

const empty = { codec: 'json', bytes: new TextEncoder().encode('1') }
const step = (queue: string, run: string, node: string): NewTask => ({
  id: uuidv7(),
  queue,
  payload: empty,
  priority: 0,
  due: { afterMs: 0 },
  maxAttempts: null,
  key: null,
  metadata: null,
  step: { run, node, index: 0 },
})
function newRun(queue: string, nodes = ['a']): NewRun {
  const id = uuidv7()
  return {
    id,
    queue,
    workflow: 'flow',
    version: null,
    hash: 'h',
    input: empty,
    key: null,
    metadata: null,
    deadline: null,
    parent: null,
    tasks: nodes.map((node) => step(queue, id, node)),
  }
}

/** A run with one step that is held. */
async function held() {
  const storage = on.storage()
  const { backend, queue } = storage
  const run = newRun(queue)
  await backend.startRuns([run])
  const instance = await instanceOf(storage as never)
  const claim = async (): Promise<ClaimedTask[]> => [
    ...(await backend.claim({ instance, queues: [{ queue, limit: 10 }] })).tasks,
  ]
  const [task] = await claim()
  return { backend, queue, run, task: task!, claim }
}

const parked = ({ id, token, step }: ClaimedTask, names: readonly string[], until: number | null): Settlement => ({
  id,
  token,
  kind: 'deferred',
  afterMs: 0,
  run: { run: step!.run, listen: { names, until } },
})

/** Calls with a session inside a transaction, which is ended by what the call returns. */
async function session<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await on.pool.connect()
  try {
    await client.query('begin')
    return await work(client)
  } finally {
    await client.query('rollback')
    client.release()
  }
}

/** Resolves once so many sessions wait for a lock. */
async function waiting(count: number): Promise<void> {
  await expect
    .poll(
      async () =>
        (await on.rows(`select from pg_stat_activity where wait_event_type = 'Lock' and query like '%${on.schema}%'`))
          .length,
      { timeout: 5_000, interval: 5 },
    )
    .toBe(count)
}

const signalText = () => `select "${on.schema}".signal_run($1, 'paid', null, null, null) as answer`

describe('a message and the step that parks for it', () => {
  test.each(['commit', 'rollback'])('the step parks first and its transaction ends with %s', async (end) => {
    const { backend, run, task, claim } = await held()
    const told = await session(async (client) => {
      expect(await backend.settle([parked(task, ['paid'], null)], { tx: client })).toEqual(['applied'])
      const telling = backend.signal(run.id, { name: 'paid', payload: null })
      await waiting(1)
      await client.query(end)
      return telling
    })
    expect(told).toBe('stored')
    if (end === 'commit') expect((await claim()).map(({ id }) => id)).toEqual([task.id])
    else {
      expect(await backend.settle([parked(task, ['paid'], null)])).toEqual(['applied'])
      expect((await claim()).map(({ id }) => id)).toEqual([task.id])
    }
  })

  test.each(['commit', 'rollback'])('the message comes first and its transaction ends with %s', async (end) => {
    const { backend, run, task, claim } = await held()
    const answers = await session(async (client) => {
      await client.query(signalText(), [run.id])
      const parking = backend.settle([parked(task, ['paid'], null)])
      await waiting(1)
      await client.query(end)
      return parking
    })
    expect(answers).toEqual(['applied'])
    expect((await claim()).map(({ id }) => id)).toEqual(end === 'commit' ? [task.id] : [])
    await backend.signal(run.id, { name: 'paid', payload: null })
    if (end === 'rollback') expect((await claim()).map(({ id }) => id)).toEqual([task.id])
  })

  test('a message that comes while the step is woken by its time waits for the attempt, or for the next one', async () => {
    const { backend, run, task, claim } = await held()
    expect(await backend.settle([parked(task, ['paid'], Date.now() - 1)])).toEqual(['applied'])
    const [again] = await claim()
    expect(await backend.signal(run.id, { name: 'paid', payload: null })).toBe('stored')
    expect(await backend.receive(again!, ['paid'])).toEqual([{ name: 'paid', payload: null }])
    expect(await backend.settle([parked(again!, ['late'], Date.now() - 1)])).toEqual(['applied'])
    const [last] = await claim()
    expect(await backend.receive(last!, ['late'])).toEqual([])
    expect(await backend.signal(run.id, { name: 'late', payload: null })).toBe('stored')
    expect(await backend.settle([parked(last!, ['late'], null)])).toEqual(['applied'])
    expect((await claim()).map(({ id }) => id)).toEqual([task.id])
  })

  test('a message that meets the claim of the step it would wake is there for that attempt', async () => {
    for (let n = 0; n < 20; n++) {
      const { backend, run, task, claim } = await held()
      expect(await backend.settle([parked(task, ['paid'], Date.now() - 1)])).toEqual(['applied'])
      const [claimed, told] = await Promise.all([claim(), backend.signal(run.id, { name: 'paid', payload: null })])
      expect([claimed.map(({ id }) => id), told]).toEqual([[task.id], 'stored'])
      expect(await backend.receive(claimed[0]!, ['paid'])).toHaveLength(1)
    }
  })
})

describe('a cancel', () => {
  test('waits for the step that is settled in somebody’s transaction, and asks what comes after it', async () => {
    const { backend, queue, run, task, claim } = await held()
    const next = step(queue, run.id, 'b')
    const answers = await session(async (client) => {
      await backend.settle(
        [{ id: task.id, token: task.token, kind: 'done', result: null, follow: [next], run: { run: run.id } }],
        {
          tx: client,
        },
      )
      const cancelling = backend.cancelRuns([{ id: run.id, task: step(queue, run.id, '$end') }])
      await waiting(1)
      await client.query('commit')
      return cancelling
    })
    expect(answers).toEqual(['cancelling'])
    expect((await claim()).map((one) => one.step?.node)).toEqual(['$end'])
    expect((await backend.readSteps([task.id, next.id])).map((one) => one?.status)).toEqual(['done', 'cancelled'])
  })

  test('gives up on a run that somebody’s transaction holds, naming it', async () => {
    const { backend, queue, run } = await held()
    const cancelling = session(async (client) => {
      await client.query(signalText(), [run.id])
      return await backend
        .cancelRuns([{ id: run.id, task: step(queue, run.id, '$end') }])
        .catch((error: unknown) => error)
    })
    expect(await cancelling).toMatchObject({
      code: 'ERR_BACKEND_UNAVAILABLE',
      message: expect.stringContaining(`another transaction holds run ${run.id}`) as unknown,
    })
    expect((await backend.fetchRun(run.id))!.status).toBe('running')
  })

  test('amid claims and settlements leaves no held step that was not asked, and none that waits', async () => {
    const storage = on.storage()
    const { backend, queue } = storage
    const runs = Array.from({ length: 60 }, () => newRun(queue, ['a', 'b', 'c', 'd']))
    await backend.startRuns(runs)
    let cancelled = false
    const worker = async (): Promise<void> => {
      const own = on.storage({ queue }).backend
      const instance = await instanceOf(storage as never)
      while (!cancelled) {
        const { tasks } = await own.claim({ instance, queues: [{ queue, limit: 3 }] })
        await Promise.all(
          tasks.map(async (task, n) => {
            const part = { run: task.step!.run }
            const { id, token } = task
            if (n === 0) return own.settle([{ id, token, kind: 'done', result: null, run: part }])
            return n === 1 ? own.settle([parked(task, ['x'], null)]) : undefined
          }),
        )
        if (tasks.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    const workers = Array.from({ length: 4 }, worker)
    const canceller = on.storage({ queue }).backend
    const answers = (
      await Promise.all([
        backend.cancelRuns(runs.slice(0, 30).map(({ id }) => ({ id, task: step(queue, id, '$end') }))),
        canceller.cancelRuns(runs.slice(30).map(({ id }) => ({ id, task: step(queue, id, '$end') }))),
      ])
    ).flat()
    cancelled = true
    await Promise.all(workers)
    expect(new Set(answers)).toEqual(new Set(['cancelling']))
    const left = await on.rows(
      `select v.state, v.cancelling from $schema.live v join $schema.task t using (id)
        where t.run = any ($1) and t.node not like '$%' and not v.cancelling`,
      [runs.map(({ id }) => id)],
    )
    expect(left).toEqual([])
  })
})

test('retries and settlements at once of runs that end leave every run with a step or ended', async () => {
  const storage = on.storage()
  const { backend, queue } = storage
  const instance = await instanceOf(storage as never)
  const runs = Array.from({ length: 20 }, () => newRun(queue, ['a', 'b']))
  await backend.startRuns(runs)
  const { tasks } = await backend.claim({ instance, queues: [{ queue, limit: 100 }] })
  const error = { name: 'Error', message: 'no' }
  const answers = await Promise.all(
    runs.flatMap((run) => {
      const [a, b] = tasks.filter((task) => task.step?.run === run.id)
      const retry = { id: run.id, retries: 0, resume: [a!.id], forget: [], joins: [], tasks: [] }
      return [
        backend.settle([
          {
            id: a!.id,
            token: a!.token,
            kind: 'killed',
            error,
            run: { run: run.id, change: { status: 'failed', error } },
          },
        ]),
        backend.retryRun(retry),
        backend.settle([{ id: b!.id, token: b!.token, kind: 'done', result: null, run: { run: run.id } }]),
        backend.retryRun(retry),
      ]
    }),
  )
  expect(answers.flat().filter((answer) => answer === 'applied')).toHaveLength(40)
  const stuck = (await backend.stuckRuns(1_000)).filter((run) => run.queue === queue)
  expect(stuck).toEqual([])
})

test('of a run with more steps than the limit all go in one call, in pieces, and between them nobody runs it again', async () => {
  const storage = on.storage()
  const { backend, queue } = storage
  const instance = await instanceOf(storage as never)
  const run = newRun(
    queue,
    Array.from({ length: 25 }, (_, n) => `n${n}`),
  )
  await backend.startRuns([run])
  const { tasks } = await backend.claim({ instance, queues: [{ queue, limit: 100 }] })
  const error = { name: 'Error', message: 'no' }
  await backend.settle(
    tasks.map((task, n) => ({
      id: task.id,
      token: task.token,
      kind: 'killed',
      error,
      run: { run: run.id, ...(n === 0 ? { change: { status: 'failed', error } } : {}) },
    })),
  )
  const [piece] = await on.rows<{ deleted: number; more: boolean }>(
    'select * from $schema.vacuum_runs($1, null, 0, null, 10)',
    [queue],
  )
  expect(piece).toEqual({ deleted: 0, more: true })
  expect((await backend.listSteps(run.id)).items).toHaveLength(15)
  const retry = { id: run.id, retries: 0, resume: run.tasks.map(({ id }) => id), forget: [], joins: [], tasks: [] }
  expect(await backend.retryRun(retry)).toBe('unknown')
  expect(await backend.vacuumRuns(queue, { killedMs: 0 }, 10)).toBe(1)
  expect(await on.rows('select from $schema.task where run = $1', [run.id])).toEqual([])
  expect(await backend.fetchRun(run.id)).toBeNull()
})
