import { expect, test } from 'vitest'
import type { NewRun, RunPart } from '../../src/backend/runs.ts'
import { uuidv7 } from '../../src/id.ts'
import type { ClaimedTask, Encoded } from '../../src/task/task.ts'
import { collect, newTask, Setup } from './setup.ts'

const input: Encoded = { codec: 'json', bytes: Uint8Array.of(0x31) }

function newRun(overrides: Partial<NewRun> = {}): NewRun {
  const id = overrides.id ?? uuidv7()
  return {
    id,
    queue: 'q',
    workflow: 'orders',
    version: null,
    hash: 'h',
    input,
    key: null,
    metadata: null,
    deadline: null,
    parent: null,
    tasks: [newTask({ step: { run: id, node: 'a', index: 0 } })],
    ...overrides,
  }
}

/** Starts a run and claims its step. */
async function underWay(
  setup: Setup,
  overrides: Partial<NewRun> = {},
): Promise<{ readonly run: NewRun; readonly step: ClaimedTask }> {
  const run = newRun(overrides)
  await setup.backend.startRuns([run])
  return { run, step: await setup.claimOne(await setup.instance()) }
}

async function endRun(setup: Setup, overrides: Partial<NewRun> = {}): Promise<NewRun> {
  const { run, step } = await underWay(setup, overrides)
  await setup.settle(step, { kind: 'done', result: null, run: ending(run) })
  return run
}

function ending({ id }: NewRun): RunPart {
  return { run: id, change: { status: 'done' } }
}

test('steps of a run that goes on are kept, however many tasks finish', async () => {
  const setup = new Setup({ keepFinished: 2 })
  const { run, step } = await underWay(setup)
  const next = newTask({ step: { run: run.id, node: 'b', index: 0 } })
  await setup.settle(step, { kind: 'done', result: input, follow: [next] })
  const held = await setup.claimOne(await setup.instance())
  for (let n = 0; n < 5; n++) await setup.finishOne()
  const steps = await setup.backend.readSteps([step.id, held.id])
  expect(steps.map((one) => one?.status)).toEqual(['done', 'queued'])
  expect(await setup.settle(step, { kind: 'done', result: null })).toBe('already')
})

test('beyond keepFinished the runs that ended first are forgotten, with steps and keys', async () => {
  const setup = new Setup({ keepFinished: 2 })
  const runs = []
  for (let n = 0; n < 4; n++) runs.push(await endRun(setup, { key: `k${n}` }))
  const found = await Promise.all(runs.map(async ({ id }) => (await setup.backend.fetchRun(id)) !== null))
  expect(found).toEqual([false, false, true, true])
  const steps = await setup.backend.readSteps(runs.map(({ tasks }) => tasks[0]!.id))
  expect(steps.map((step) => step?.status ?? null)).toEqual([null, null, 'done', 'done'])
  const receipts = await setup.backend.startRuns([newRun({ key: 'k0' }), newRun({ key: 'k3' })])
  expect(receipts.map(({ outcome }) => outcome)).toEqual(['created', 'duplicate'])
})

test('a run of which a step is held is not forgotten', async () => {
  const setup = new Setup({ keepFinished: 0 })
  const id = uuidv7()
  const tasks = ['a', 'b'].map((node) => newTask({ step: { run: id, node, index: 0 } }))
  await setup.backend.startRuns([newRun({ id, tasks })])
  const { tasks: steps } = await setup.claim(await setup.instance(), 2)
  await setup.settle(steps[0]!, { kind: 'done', result: null, run: { run: id, change: { status: 'done' } } })
  const [read] = await setup.backend.readSteps([steps[1]!.id])
  expect([(await setup.backend.fetchRun(id))?.status, read?.status]).toEqual(['done', 'queued'])
  expect(await setup.settle(steps[1]!, { kind: 'done', result: null })).toBe('applied')
})

test('those who wait are told of a run that is forgotten as it ends', async () => {
  const setup = new Setup({ keepFinished: 0 })
  const { run, step } = await underWay(setup)
  const waiting = collect(setup.backend.waitRuns([run.id]))
  await Promise.resolve()
  await setup.settle(step, { kind: 'done', result: null, run: ending(run) })
  expect((await waiting).map(({ id, status }) => [id, status])).toEqual([[run.id, 'done']])
  expect(await setup.backend.fetchRun(run.id)).toBeNull()
})

test('a task that names a run which is not stored is a task like any other', async () => {
  const setup = new Setup()
  const id = await setup.push({ step: { run: uuidv7(), node: 'a', index: 0 } })
  const claimed = await setup.claimOne(await setup.instance())
  expect([claimed.id, claimed.step]).toEqual([id, undefined])
  await setup.settle(claimed, { kind: 'done', result: null })
  expect(await setup.backend.remove([id])).toEqual(['applied'])
})

test('what is given to a run and read from it is copied', async () => {
  const setup = new Setup()
  const bytes = Uint8Array.of(1, 2)
  const metadata = { a: 'b' }
  const { run, step } = await underWay(setup, { input: { codec: 'x', bytes }, metadata })
  const output = { codec: 'x', bytes }
  await setup.backend.signal(run.id, { name: 'm', payload: output })
  await setup.backend.writePages(step, 0, [output])
  await setup.settle(step, { kind: 'progress', checkpoint: bytes })
  const message = (await setup.backend.receive(step, ['m']))[0]!
  const page = (await setup.backend.readPages(step.id, 0, 1))[0]!
  await setup.settle(step, {
    kind: 'done',
    result: null,
    run: { run: run.id, change: { status: 'done', output } },
  })
  const seen = (await setup.backend.fetchRun(run.id))!
  for (const each of [seen.input.bytes, seen.output!.bytes, message.payload!.bytes, page.bytes]) each.fill(9)
  bytes.fill(7)
  metadata.a = 'c'
  const again = (await setup.backend.fetchRun(run.id))!
  expect([...again.input.bytes, ...again.output!.bytes, again.metadata]).toEqual([1, 2, 1, 2, { a: 'b' }])
  expect([...(await setup.backend.readPages(step.id, 0, 1))[0]!.bytes]).toEqual([1, 2])
})

test('a settlement that is refused changes neither its task nor its run', async () => {
  const setup = new Setup()
  const { run, step } = await underWay(setup)
  const broken = newTask({ step: { run: run.id, node: 'b', index: 0 }, due: { at: Number.NaN } })
  const parts: RunPart[] = [
    { run: run.id, arrive: [{ task: broken, arrived: 1, done: 1, failed: 0, opens: { arrived: 9 } }] },
    { run: run.id, start: [newRun({ deadline: { at: Number.NaN } })] },
  ]
  for (const part of parts) {
    const change = { ...part, change: { status: 'done' } } as const
    await expect(setup.settle(step, { kind: 'done', result: null, run: change })).rejects.toThrow(/finite/)
  }
  const listen = { names: [], until: Number.NaN }
  await expect(setup.settle(step, { kind: 'deferred', afterMs: 0, run: { run: run.id, listen } })).rejects.toThrow(
    /finite/,
  )
  expect((await setup.backend.fetchRun(run.id))?.status).toBe('running')
  expect(await setup.settle(step, { kind: 'done', result: null })).toBe('applied')
})
