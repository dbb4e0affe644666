/** Arguments of runs, mailboxes and pages that no program means: refused before the store is asked, or naming nothing, on every backend alike. */
import assert from 'node:assert/strict'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { rejects } from '../check.ts'
import { endedRun, infoOf, mailboxOf, newStep, runsOf, stands, startRun, underWay } from '../run-sample.ts'
import { text } from '../sample.ts'

/** Any argument, as a program without types would give it. */
const any = (value: unknown): never => value as never

/** No run and no task has such an id. */
const NO_ID: readonly never[] = [
  '',
  'x',
  '\0',
  'FFFFFFFF-FFFF-4FFF-8FFF-FFFFFFFFFFFF',
  'f'.repeat(100_000),
  5,
  null,
].map(any)
const NO_TOKEN: readonly never[] = ['', 'x', '\0', '-1', '9'.repeat(30), 5, null].map(any)
/** No message and no workflow has such a name. */
const NO_NAME: readonly never[] = ['', 'a\0b', 'a\ud800', 'x'.repeat(201), 5, null].map(any)
const NO_COUNT: readonly never[] = [Number.NaN, Infinity, '1', null, 1.5, 1e10].map(any)
const NO_LIMIT: readonly never[] = [...NO_COUNT, any(0), any(-1)]

export const runArgumentCases: readonly ConformanceCase[] = section(
  'arguments of runs',
  [
    fact('filters that no run could be meant by are refused', async (c) => {
      const list = (filter: object) => runsOf(c).listRuns(any(filter))
      for (const filter of [5, { till: 1 }, { status: 'ended' }, { status: null }, { parent: null }])
        await rejects('ERR_OPTION', list(any(filter)))
      for (const workflow of NO_NAME) await rejects('ERR_OPTION', list({ workflow }))
      for (const queue of ['', 'q\0q', 'q'.repeat(200), 5, null]) await rejects('ERR_QUEUE_NAME', list({ queue }))
      await rejects('ERR_OPTION', runsOf(c).listSteps(uuidv7(), any({ status: 'done' })))
    }),
    fact('pages that no list has are refused', async (c) => {
      for (const limit of NO_LIMIT) {
        await rejects('ERR_OPTION', runsOf(c).listRuns({}, { limit }))
        await rejects('ERR_OPTION', runsOf(c).listSteps(uuidv7(), {}, { limit }))
        await rejects('ERR_OPTION', runsOf(c).stuckRuns(limit))
        await rejects('ERR_OPTION', runsOf(c).vacuumRuns(c.queue, {}, limit))
      }
      for (const cursor of ['\0', 'x'.repeat(10_000), 5, null].map(any))
        await rejects('ERR_OPTION', runsOf(c).listRuns({}, { cursor }))
      await rejects('ERR_OPTION', runsOf(c).readSteps(Array.from({ length: 1_001 }, () => uuidv7())))
      await rejects('ERR_QUEUE_NAME', runsOf(c).vacuumRuns(any('q\0q'), { doneMs: 0 }, 1))
    }),
    fact('an id that is none names no run and no step', async (c) => {
      const { id } = await startRun(c)
      for (const wrong of [...NO_ID, any(id.toUpperCase())]) {
        assert.equal(await runsOf(c).fetchRun(wrong), null)
        assert.deepEqual((await runsOf(c).listSteps(wrong)).items, [])
        assert.deepEqual(await runsOf(c).readSteps([wrong]), [null])
        assert.equal(await runsOf(c).retryRun(any({ ...NOTHING, id: wrong })), 'unknown')
        await runsOf(c).repairRun(any({ ...NOTHING, id: wrong }))
        await rejects(
          'ERR_RUN_NOT_FOUND',
          runsOf(c).waitRuns([wrong], { timeoutMs: 8_000 })[Symbol.asyncIterator]().next(),
        )
      }
      await stands(c, { id }, 'running')
    }),
    fact('runs that are none do not keep others of the call from being cancelled', async (c) => {
      const { id } = await startRun(c)
      const ids = [...NO_ID, any(id)]
      const answers = await runsOf(c).cancelRuns(ids.map((wrong) => ({ id: wrong, task: newStep(c, id, '$end') })))
      assert.deepEqual(answers, [...NO_ID.map(() => 'unknown'), 'cancelling'])
    }),
    fact('a reason that is no text is refused, and one that cannot be kept is kept as far as it can be', async (c) => {
      const { id } = await startRun(c)
      const cancel = (reason: unknown) =>
        runsOf(c).cancelRuns([{ id, task: newStep(c, id, '$end'), reason: any(reason) }])
      for (const reason of [5, null, {}]) await rejects('ERR_OPTION', cancel(reason))
      await stands(c, { id }, 'running')
      await cancel(`a\0b\ud800${'x'.repeat(1_000)}`)
      assert.equal((await infoOf(c, { id })).error?.message, `a\ufffdb\ufffd${'x'.repeat(496)}`)
    }),
    fact('a retry and a repair with counts that are none are refused', async (c) => {
      const run = await endedRun(c, 'failed')
      for (const count of NO_COUNT) {
        const joins = [{ id: uuidv7(), arrived: count, done: 0, failed: 0 }]
        await rejects('ERR_OPTION', runsOf(c).retryRun({ ...NOTHING, id: run.id, joins }))
        await rejects('ERR_OPTION', runsOf(c).retryRun({ ...NOTHING, id: run.id, retries: count }))
        await rejects('ERR_OPTION', runsOf(c).repairRun({ ...NOTHING, id: run.id, joins }))
      }
      assert.equal((await infoOf(c, run)).retries, 0)
    }),
    fact('ids that are none are nothing to resume or to forget', async (c) => {
      const run = await endedRun(c, 'failed')
      const retry = { ...NOTHING, id: run.id, resume: [...NO_ID], forget: [...NO_ID] }
      assert.equal(await runsOf(c).retryRun({ ...retry, tasks: [newStep(c, run.id, 'b')] }), 'retried')
    }),
    fact(
      'messages and names that cannot be kept are refused',
      async (c) => {
        const { run, step } = await underWay(c)
        const mailbox = mailboxOf(c)
        for (const name of NO_NAME) {
          await rejects('ERR_OPTION', mailbox.signal(run.id, { name, payload: null }))
          for (const read of ['peek', 'receive', 'discard'] as const)
            await rejects('ERR_OPTION', mailbox[read](step, ['a', name]))
          await rejects('ERR_OPTION', mailbox.signal(run.id, { name: 'a', payload: null }, { key: name }))
        }
        const many = Array.from({ length: 1_001 }, (_, n) => `${n}`)
        await rejects('ERR_OPTION', mailbox.receive(step, many))
        assert.deepEqual(await mailbox.receive(step, ['a']), [])
        for (const id of NO_ID) assert.equal(await mailbox.signal(id, { name: 'a', payload: null }), 'unknown')
      },
      'signal',
    ),
    fact(
      'a claim that is none receives nothing and writes nothing',
      async (c) => {
        const { step } = await underWay(c)
        const claims = [
          ...NO_ID.map((id) => ({ id, token: step.token })),
          ...NO_TOKEN.map((token) => ({ id: step.id, token })),
        ]
        for (const claim of claims) {
          await rejects('ERR_LEASE_LOST', mailboxOf(c).receive(claim, ['a']))
          await rejects('ERR_LEASE_LOST', c.with('writePages').writePages(claim, 0, [text('a')]))
        }
        for (const id of NO_ID) assert.deepEqual(await c.with('writePages').readPages(id, 0, 1), [])
      },
      'signal',
      'writePages',
    ),
    fact(
      'page numbers that are none are refused',
      async (c) => {
        const { step } = await underWay(c)
        const pages = c.with('writePages')
        for (const first of [...NO_COUNT, any(-1)]) {
          await rejects('ERR_OPTION', pages.writePages(step, first, [text('a')]))
          await rejects('ERR_OPTION', pages.readPages(step.id, first, 1))
        }
        await rejects(
          'ERR_OPTION',
          pages.writePages(
            step,
            0,
            Array.from({ length: 1_001 }, () => text('')),
          ),
        )
      },
      'writePages',
    ),
  ],
  'startRuns',
)

const NOTHING = { retries: 0, resume: [], forget: [], joins: [], tasks: [] }
