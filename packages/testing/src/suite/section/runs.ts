/** The capability `startRuns`: a run starts with all of its first steps or not at all, once, and its steps know it. */
import assert from 'node:assert/strict'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { entriesOf, idsOf, rejects, sameBytes, sameIds, started } from '../check.ts'
import { endedRun, infoOf, newRun, newStep, runsOf, startRun, stepInfo, underWay } from '../run-sample.ts'
import { done, HOUR, text } from '../sample.ts'

export const runCases: readonly ConformanceCase[] = section(
  'runs',
  [
    fact('a run starts with all of its first steps', async (c) => {
      const run = await startRun(c, ['a', 'b', 'c'])
      sameIds(await (await c.instance()).claim(), run.tasks)
    }),
    fact('starting nothing starts nothing', async (c) => {
      assert.deepEqual(await runsOf(c).startRuns([]), [])
    }),
    fact('several runs start in one call, with receipts in the order given', async (c) => {
      const runs = Array.from({ length: 5 }, () => newRun(c)).toReversed()
      assert.deepEqual(
        await runsOf(c).startRuns(runs),
        runs.map(({ id }) => ({ id, outcome: 'created' })),
      )
      sameIds(
        await (await c.instance()).claim(),
        runs.flatMap(({ tasks }) => tasks),
      )
    }),
    fact('a run tells what it was started with', async (c) => {
      const parent = { run: uuidv7(), task: uuidv7() }
      const more = { version: '1.2', hash: 'abc', metadata: { a: 'b', c: 'd' }, key: 'k', parent }
      const run = await startRun(c, ['a'], { ...more, deadline: { afterMs: HOUR } })
      const { input, metadata, createdAt, deadline, ...rest } = await infoOf(c, run)
      assert.deepEqual(rest, {
        id: run.id,
        queue: c.queue,
        workflow: 'orders',
        version: '1.2',
        hash: 'abc',
        status: 'running',
        output: null,
        error: null,
        compensation: null,
        key: 'k',
        parent,
        retries: 0,
        finishedAt: null,
      })
      assert.equal(input.codec, run.input.codec)
      sameBytes(input.bytes, run.input.bytes, 'input')
      assert.deepEqual(entriesOf(metadata), entriesOf(more.metadata))
      assert.ok(deadline !== null && Math.abs(deadline - createdAt - HOUR) < 1_000, `${deadline} after ${createdAt}`)
    }),
    fact('an unknown run is null', async (c) => {
      await startRun(c)
      assert.equal(await runsOf(c).fetchRun(uuidv7()), null)
    }),
    fact('a run may start without steps', async (c) => {
      const run = await startRun(c, [])
      assert.deepEqual((await runsOf(c).listSteps(run.id)).items, [])
      await (await c.instance()).findsNothing()
    }),
    fact('a start that is repeated is a duplicate and stores nothing more', async (c) => {
      const run = await startRun(c)
      const again = { ...run, tasks: [...run.tasks, newStep(c, run.id, 'b')], input: text('other') }
      assert.deepEqual(await runsOf(c).startRuns([again]), [{ id: run.id, outcome: 'duplicate' }])
      sameBytes((await infoOf(c, run)).input.bytes, run.input.bytes, 'input')
      sameIds(await (await c.instance()).claim(), run.tasks)
    }),
    fact('a run that has ended is not started again', async (c) => {
      const run = await endedRun(c)
      assert.deepEqual(await runsOf(c).startRuns([run]), [{ id: run.id, outcome: 'duplicate' }])
      assert.equal((await infoOf(c, run)).status, 'done')
      await (await c.instance()).findsNothing()
    }),
    fact('a known key names the run that exists, and starts none', async (c) => {
      const run = await startRun(c, ['a'], { key: 'k' })
      const other = newRun(c, { key: 'k', input: text('other') })
      assert.deepEqual(await runsOf(c).startRuns([other]), [{ id: run.id, outcome: 'duplicate' }])
      assert.equal(await runsOf(c).fetchRun(other.id), null)
      sameIds(await (await c.instance()).claim(), run.tasks)
    }),
    fact('a known key decides before a known id', async (c) => {
      const [one, two] = [await startRun(c, ['a'], { key: 'k' }), await startRun(c)]
      assert.deepEqual(await runsOf(c).startRuns([{ ...two, key: 'k' }]), [{ id: one.id, outcome: 'duplicate' }])
    }),
    fact('a key belongs to one workflow of one queue', async (c) => {
      const runs = [
        newRun(c, { key: 'k' }),
        newRun(c, { key: 'k', workflow: 'other orders' }),
        newRun(c, { key: 'k', queue: c.newQueue() }),
        newRun(c, { key: 'l' }),
      ]
      assert.deepEqual(
        await runsOf(c).startRuns(runs),
        runs.map(({ id }) => ({ id, outcome: 'created' })),
      )
      for (const run of runs) assert.equal((await infoOf(c, run)).key, run.key)
    }),
    fact('a key of a run is no key of a task', async (c) => {
      await c.push({ key: 'k' })
      await startRun(c, ['a'], { key: 'k' })
    }),
    fact('within one call the first with an id or key wins', async (c) => {
      const run = newRun(c, { key: 'k' })
      const other = newRun(c, { key: 'k' })
      assert.deepEqual(await runsOf(c).startRuns([run, other, run]), [
        { id: run.id, outcome: 'created' },
        { id: run.id, outcome: 'duplicate' },
        { id: run.id, outcome: 'duplicate' },
      ])
      sameIds(await (await c.instance()).claim(), run.tasks)
    }),
    fact('of eight starts of one key at once exactly one starts', async (c) => {
      const callers = await c.callers(8)
      const receipts = (
        await Promise.all(callers.map((backend) => runsOf(c, backend).startRuns([newRun(c, { key: 'k' })])))
      ).flat()
      assert.equal(receipts.filter(({ outcome }) => outcome === 'created').length, 1)
      assert.equal(new Set(idsOf(receipts)).size, 1)
      assert.equal((await (await c.instance()).claim()).length, 1)
    }),
    fact('a start that is refused starts none of its runs', async (c) => {
      const run = newRun(c)
      const broken = newRun(c, { tasks: [newStep(c, uuidv7(), 'a', { due: { afterMs: Number.NaN } })] })
      const refused = await runsOf(c)
        .startRuns([run, broken])
        .then(
          () => false,
          () => true,
        )
      assert.ok(refused, 'a time that is no number should be refused')
      assert.equal(await runsOf(c).fetchRun(run.id), null)
      await (await c.instance()).findsNothing()
    }),
    fact(
      'a start in a transaction happens with the commit',
      async (c) => {
        const run = newRun(c)
        const holder = await c.instance()
        await c.transaction(async (tx) => {
          assert.deepEqual(await runsOf(c).startRuns([run], { tx }), [{ id: run.id, outcome: 'created' }])
          assert.equal(await runsOf(c).fetchRun(run.id), null)
          await holder.findsNothing()
        }, 'commit')
        assert.equal((await infoOf(c, run)).status, 'running')
        sameIds(await holder.take(1), run.tasks)
      },
      'transaction',
    ),
    fact(
      'a start that is rolled back never was',
      async (c) => {
        const run = newRun(c, { key: 'k' })
        await c.transaction(async (tx) => void (await runsOf(c).startRuns([run], { tx })), 'rollback')
        assert.equal(await runsOf(c).fetchRun(run.id), null)
        await (await c.instance()).findsNothing()
        assert.deepEqual(await runsOf(c).startRuns([run]), [{ id: run.id, outcome: 'created' }])
      },
      'transaction',
    ),
    fact('a claim says which step of which run a task is, and how the run stands', async (c) => {
      const id = uuidv7()
      const tasks = [newStep(c, id, 'a'), newStep(c, id, 'b', { step: { run: id, node: 'b', index: 7 } })]
      const [a, b] = (await underWay(c, ['a', 'b'], { id, tasks, workflow: 'all orders' })).steps
      assert.deepEqual({ ...a!.step }, { run: id, node: 'a', index: 0, workflow: 'all orders', status: 'running' })
      assert.deepEqual({ ...b!.step }, { run: id, node: 'b', index: 7, workflow: 'all orders', status: 'running' })
      assert.ok(!a!.cancelling && !b!.cancelling)
    }),
    fact('a task that is no step says so', async (c) => {
      const { task } = await c.claimed()
      assert.equal(task.step ?? null, null)
      assert.ok(!task.cancelling)
      const [stored] = await runsOf(c).readSteps([task.id])
      assert.equal(stored!.step ?? null, null)
    }),
    fact('a step that failed says the same in its next claim', async (c) => {
      const { step, holder } = await underWay(c)
      await c.applied({ id: step.id, token: step.token, kind: 'released' })
      assert.deepEqual((await holder.one()).step, step.step)
    }),
    fact('a reader sees which step a task is', async (c) => {
      const { run, step } = await underWay(c)
      assert.deepEqual({ ...(await stepInfo(c, step.id)).step }, { run: run.id, node: 'a', index: 0 })
    }),
    fact(
      'a step is fetched by its id like any task',
      async (c) => {
        const { step } = await underWay(c)
        assert.deepEqual(await c.stored(step.id), await stepInfo(c, step.id))
      },
      'fetchById',
    ),
    fact(
      'steps are listed among the tasks of their queue',
      async (c) => {
        const run = await startRun(c, ['a', 'b'])
        const [task] = await c.pushed(1)
        const { items } = await c.with('listTasks').listTasks({ queue: c.queue })
        sameIds(items, [...run.tasks, task!])
        assert.deepEqual(
          items.map(({ step }) => step?.run ?? null),
          items.map(({ id }) => (id === task!.id ? null : run.id)),
        )
      },
      'listTasks',
    ),
    fact('steps are read by id in the order asked for, and null where there is none', async (c) => {
      const run = await startRun(c, ['a', 'b'])
      const [task] = await c.pushed(1)
      const [a, b] = run.tasks
      const ids = [b!.id, uuidv7(), a!.id, task!.id, b!.id]
      const read = await runsOf(c).readSteps(ids)
      assert.deepEqual(
        read.map((step) => step?.id ?? null),
        [b!.id, null, a!.id, task!.id, b!.id],
      )
      assert.deepEqual(await runsOf(c).readSteps([]), [])
    }),
    fact('what is read of a step that has ended holds its result', async (c) => {
      const { step } = await underWay(c)
      await c.applied(done(step, { result: text('42') }))
      const { status, result } = await stepInfo(c, step.id)
      assert.equal(status, 'done')
      sameBytes(result?.bytes, text('42').bytes, 'result')
    }),
    fact('a thousand steps are read in one call, and more are refused', async (c) => {
      const run = await startRun(c)
      const ids = Array.from({ length: 999 }, () => uuidv7())
      const read = await runsOf(c).readSteps([...ids, run.tasks[0]!.id])
      assert.equal(read.length, 1_000)
      assert.equal(read[999]?.id, run.tasks[0]!.id)
      await rejects('ERR_OPTION', runsOf(c).readSteps([...ids, uuidv7(), uuidv7()]))
    }),
    fact('after closing every call is refused, and waits end', async (c) => {
      const backend = await c.toClose()
      const runs = runsOf(c, backend)
      const run = newRun(c)
      await runs.startRuns([run])
      const first = started(rejects('ERR_CLOSED', runs.waitRuns([run.id])[Symbol.asyncIterator]().next()))
      await backend.close()
      await first
      const { id } = run
      const nothing = { id, joins: [], tasks: [] }
      const calls: readonly (() => Promise<unknown>)[] = [
        () => runs.startRuns([run]),
        () => runs.fetchRun(id),
        () => runs.listRuns({}),
        () => runs.listSteps(id),
        () => runs.readSteps([id]),
        () => runs.waitRuns([id])[Symbol.asyncIterator]().next(),
        () => runs.cancelRuns([{ id, task: newStep(c, id, '$end') }]),
        () => runs.retryRun({ ...nothing, retries: 0, resume: [], forget: [] }),
        () => runs.stuckRuns(1),
        () => runs.repairRun(nothing),
        () => runs.vacuumRuns(c.queue, {}, 1),
      ]
      for (const call of calls) await rejects('ERR_CLOSED', call())
    }),
    fact(
      'a run that another process started is seen',
      async (c) => {
        const run = newRun(c)
        await runsOf(c, await c.second()).startRuns([run])
        assert.deepEqual(await runsOf(c).startRuns([run]), [{ id: run.id, outcome: 'duplicate' }])
        assert.equal((await infoOf(c, run)).status, 'running')
      },
      'second',
    ),
  ],
  'startRuns',
)
