/** The capability `signal`: a message waits until a step receives it, and goes to that step alone. */
import assert from 'node:assert/strict'
import type { ClaimedTask, Message } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { rejects, sameBytes } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { endedRun, ending, mailboxOf, runsOf, startRun, underWay } from '../run-sample.ts'
import { done, failed, text } from '../sample.ts'

export const mailboxCases: readonly ConformanceCase[] = section(
  'signal and receive',
  [
    fact('a message that was sent is received, with its payload', async (c) => {
      const { run, step } = await underWay(c)
      assert.equal(await mailboxOf(c).signal(run.id, { name: 'paid', payload: text('42') }), 'stored')
      const [message] = await mailboxOf(c).receive(step, ['paid'])
      assert.equal(message!.name, 'paid')
      assert.equal(message!.payload?.codec, 'text')
      sameBytes(message!.payload?.bytes, text('42').bytes, 'payload')
    }),
    fact('a message may have no payload, or an empty one', async (c) => {
      const { run, step } = await underWay(c)
      await send(c, run.id, ['none', null], ['empty', ''])
      const [none, empty] = await mailboxOf(c).receive(step, ['none', 'empty'])
      assert.equal(none!.payload, null)
      assert.equal(empty!.payload?.bytes.byteLength, 0)
    }),
    fact('a message waits for a step that comes later', async (c) => {
      const run = await startRun(c)
      await send(c, run.id, ['paid', '1'])
      const step = await (await c.instance()).one()
      assert.deepEqual(await receive(c, step, ['paid']), ['paid 1'])
    }),
    fact('nothing is received where nothing came', async (c) => {
      const { run, step } = await underWay(c)
      assert.deepEqual(await receive(c, step, ['paid']), [])
      await send(c, run.id, ['other', '1'])
      assert.deepEqual(await receive(c, step, ['paid']), [])
      assert.deepEqual(await receive(c, step, []), [])
    }),
    fact('the first of each name that there is, in the order in which they came', async (c) => {
      const { run, step } = await underWay(c)
      await send(c, run.id, ['b', '1'], ['a', '2'], ['b', '3'], ['c', '4'])
      assert.deepEqual(await receive(c, step, ['a', 'b', 'none']), ['b 1', 'a 2'])
    }),
    fact('receiving again gives the same messages again', async (c) => {
      const { run, step, holder } = await underWay(c)
      await send(c, run.id, ['a', '1'], ['a', '2'])
      for (let n = 0; n < 3; n++) assert.deepEqual(await receive(c, step, ['a']), ['a 1'])
      await c.applied(failed(step))
      const again = await holder.one()
      assert.deepEqual(await receive(c, again, ['a']), ['a 1'])
    }),
    fact('receiving again adds what came since for other names', async (c) => {
      const { run, step } = await underWay(c)
      await send(c, run.id, ['a', '1'])
      assert.deepEqual(await receive(c, step, ['a', 'b']), ['a 1'])
      await send(c, run.id, ['a', '2'], ['b', '3'])
      assert.deepEqual(await receive(c, step, ['a', 'b']), ['a 1', 'b 3'])
    }),
    fact('peek shows what receive would give, in the order in which they came, and gives nothing', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b'])
      const [one, other] = [steps[0]!, steps[1]!]
      await send(c, run.id, ['y', '1'], ['x', '2'], ['x', '3'])
      for (let n = 0; n < 2; n++) assert.deepEqual(await peek(c, one, ['x', 'y', 'none']), ['y 1', 'x 2'])
      assert.deepEqual(await peek(c, other, ['x']), ['x 2'])
      assert.deepEqual(await receive(c, other, ['x']), ['x 2'])
      assert.deepEqual(await peek(c, other, ['x']), ['x 2'])
      assert.deepEqual(await peek(c, one, ['x', 'y']), ['y 1', 'x 3'])
      assert.deepEqual(await receive(c, one, ['x', 'y']), ['y 1', 'x 3'])
    }),
    fact('what a step discards is lost, and the next comes in its place', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b'])
      const [one, other] = [steps[0]!, steps[1]!]
      await send(c, run.id, ['x', '1'], ['x', '2'], ['y', '3'])
      await receive(c, one, ['x', 'y'])
      await mailboxOf(c).discard(one, ['x', 'none'])
      await mailboxOf(c).discard(one, ['x'])
      assert.deepEqual(await receive(c, other, ['x']), ['x 2'])
      assert.deepEqual(await receive(c, one, ['x', 'y']), ['y 3'])
      await send(c, run.id, ['x', '4'])
      assert.deepEqual(await receive(c, one, ['x', 'y']), ['y 3', 'x 4'])
      await c.applied(failed(one))
      await rejects('ERR_LEASE_LOST', mailboxOf(c).discard(one, ['x']))
      await rejects('ERR_LEASE_LOST', mailboxOf(c).peek(one, ['x']))
    }),
    fact('messages of one name go to the steps that ask for them, each to one, in order', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b', 'c'])
      await send(c, run.id, ['x', '1'], ['x', '2'])
      const received = []
      for (const step of steps) received.push(await receive(c, step, ['x']))
      assert.deepEqual(received, [['x 1'], ['x 2'], []])
    }),
    fact('of eight steps that ask at once each gets a message of its own', async (c) => {
      const nodes = Array.from('abcdefgh')
      const { run, steps } = await underWay(c, nodes)
      for (const node of nodes) await send(c, run.id, ['x', node])
      const callers = await c.callers(8)
      const received = await Promise.all(callers.map((backend, n) => mailboxOf(c, backend).receive(steps[n]!, ['x'])))
      assert.deepEqual(
        received.flat().map(wordsOf).sort(),
        nodes.map((node) => `x ${node}`),
      )
    }),
    fact('messages of one run are none of another', async (c) => {
      const [one, two] = [await underWay(c), await underWay(c)]
      await send(c, one.run.id, ['x', '1'])
      assert.deepEqual(await receive(c, two.step, ['x']), [])
      assert.deepEqual(await receive(c, one.step, ['x']), ['x 1'])
    }),
    fact('names are matched letter by letter', async (c) => {
      const { run, step } = await underWay(c)
      await send(c, run.id, ['Paid', '1'], ['paid ', '2'], ["pa'id%", '3'])
      assert.deepEqual(await receive(c, step, ['paid']), [])
      assert.deepEqual(await receive(c, step, ["pa'id%", 'Paid']), ['Paid 1', "pa'id% 3"])
    }),
    fact('receiving under a token that is not current is ERR_LEASE_LOST, and takes nothing', async (c) => {
      const { run, step, holder } = await underWay(c)
      await send(c, run.id, ['x', '1'])
      await c.applied(failed(step))
      await rejects('ERR_LEASE_LOST', mailboxOf(c).receive(step, ['x']))
      const again = await holder.one()
      await rejects('ERR_LEASE_LOST', mailboxOf(c).receive({ ...again, token: step.token }, ['x']))
      await rejects('ERR_LEASE_LOST', mailboxOf(c).receive({ id: uuidv7(), token: again.token }, ['x']))
      await c.expire(holder)
      await c.sweepAll()
      await rejects('ERR_LEASE_LOST', mailboxOf(c).receive(again, ['x']))
      assert.deepEqual(await receive(c, await (await c.instance()).one(), ['x']), ['x 1'])
    }),
    fact('a key that came before is a duplicate, and stores nothing', async (c) => {
      const { run, step } = await underWay(c)
      const send = (payload: string) => mailboxOf(c).signal(run.id, { name: 'x', payload: text(payload) }, { key: 'k' })
      assert.equal(await send('1'), 'stored')
      assert.equal(await send('1'), 'duplicate')
      assert.equal(await mailboxOf(c).signal(run.id, { name: 'y', payload: null }, { key: 'k' }), 'duplicate')
      assert.deepEqual(await receive(c, step, ['x', 'y']), ['x 1'])
      assert.equal(await send('2'), 'duplicate')
      await c.applied(done(step, { run: ending(run, 'done') }))
      assert.equal(await send('3'), 'duplicate')
    }),
    fact('a key belongs to one run', async (c) => {
      const [one, two] = [await startRun(c), await startRun(c)]
      for (const { id } of [one, two])
        assert.equal(await mailboxOf(c).signal(id, { name: 'x', payload: null }, { key: 'k' }), 'stored')
    }),
    fact('of eight messages with one key at once one is stored', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b'])
      const answers = await Promise.all(
        (await c.callers(8)).map((backend) =>
          mailboxOf(c, backend).signal(run.id, { name: 'x', payload: null }, { key: 'k' }),
        ),
      )
      assert.equal(answers.filter((answer) => answer === 'stored').length, 1)
      assert.equal(answers.filter((answer) => answer === 'duplicate').length, 7)
      assert.equal((await receive(c, steps[0]!, ['x'])).length, 1)
      assert.equal((await receive(c, steps[1]!, ['x'])).length, 0)
    }),
    fact('a run that has ended is told nothing, and an unknown one neither', async (c) => {
      for (const status of ['done', 'failed', 'cancelled'] as const) {
        const { id } = await endedRun(c, status)
        assert.equal(await mailboxOf(c).signal(id, { name: 'x', payload: null }), 'ended')
      }
      assert.equal(await mailboxOf(c).signal(uuidv7(), { name: 'x', payload: null }), 'unknown')
    }),
    fact('a run that fails or is cancelling can still be told something', async (c) => {
      const { run, steps } = await underWay(c, ['a', 'b'])
      await c.applied(done(steps[0]!, { run: ending(run, 'failing') }))
      await send(c, run.id, ['x', '1'])
      assert.deepEqual(await receive(c, steps[1]!, ['x']), ['x 1'])
    }),
    fact('a step that lives again after a retry is given its messages again', async (c) => {
      const { run, step, holder } = await underWay(c)
      await send(c, run.id, ['x', '1'], ['x', '2'])
      assert.deepEqual(await receive(c, step, ['x']), ['x 1'])
      await c.applied(done(step, { run: ending(run, 'failed') }))
      const retry = { resume: [step.id], forget: [], joins: [], tasks: [] }
      await runsOf(c).retryRun({ id: run.id, retries: 0, ...retry })
      assert.deepEqual(await receive(c, await holder.one(), ['x']), ['x 1'])
    }),
    fact(
      'a message from another process is received',
      async (c) => {
        const { run, step } = await underWay(c)
        await mailboxOf(c, await c.second()).signal(run.id, { name: 'x', payload: text('1') })
        assert.deepEqual(await receive(c, step, ['x']), ['x 1'])
      },
      'second',
    ),
  ],
  'startRuns',
  'signal',
)

async function send(
  c: CaseContext,
  run: string,
  ...messages: readonly (readonly [string, string | null])[]
): Promise<void> {
  for (const [name, payload] of messages) {
    const message = { name, payload: payload === null ? null : text(payload) }
    assert.equal(await mailboxOf(c).signal(run, message), 'stored')
  }
}

async function receive(c: CaseContext, step: ClaimedTask, names: readonly string[]): Promise<string[]> {
  return (await mailboxOf(c).receive(step, names)).map(wordsOf)
}

async function peek(c: CaseContext, step: ClaimedTask, names: readonly string[]): Promise<string[]> {
  return (await mailboxOf(c).peek(step, names)).map(wordsOf)
}

function wordsOf({ name, payload }: Message): string {
  return `${name} ${new TextDecoder().decode(payload?.bytes)}`
}
