/**
 * A step inside a transaction of the backend: what the user writes, the step's end and what follows are one commit.
 *
 * The token is checked by the settlement, at the end and inside: a worker that lost the step in the meantime throws, and
 * what it wrote is rolled back. When the reply to the commit is lost the attempt fails, and the store, asked to put the step off,
 * says that it was settled already.
 */
import { AbortError, type ProgramContext, QError, required, type Settlement } from '@q/core'
import { isGoto } from '../../build/goto.ts'
import type { Work } from '../../graph/graph.ts'
import { stepContext } from '../context.ts'
import type { Host } from '../host.ts'
import type { Known } from '../library.ts'
import { type Outcome, outcome } from '../outcome.ts'
import { type Returned, returned } from '../settle.ts'
import { asValue, forNext } from './step.ts'

/** @throws whatever the handler throws; QError `ERR_LEASE_LOST` when the step is no longer this worker's. */
export async function runTx(
  host: Host,
  known: Known,
  { run }: Extract<Work, { kind: 'tx' }>,
  ctx: ProgramContext,
  input: unknown,
): Promise<Outcome> {
  const { task, clock } = ctx
  const backend = required(host.backend, 'transaction')
  const value = await asValue(input)
  const startedAt = clock.now()
  await backend.transaction(async (tx) => {
    const given = await run(tx, value, stepContext(ctx))
    // What fails for good leaves nothing behind.
    if (isGoto(given) && given.kind === 'fail') throw new AbortError(given.error)
    const output = await forNext(host, known, ctx, given)
    const ranMs = Math.max(0, Math.round(clock.now() - startedAt))
    const follow = ctx.follows === undefined ? {} : { follow: ctx.follows }
    const end = endOf(host, known, ctx, output)
    const settlement = end.settle({
      id: task.id,
      token: task.token,
      kind: 'done',
      result: end.result,
      ranMs,
      ...follow,
    })
    if (settlement !== null) await settleInside(backend, settlement, tx)
  })
  return outcome({ kind: 'settled' })
}

/** What cannot be stored could not be by another attempt either. */
function endOf(host: Host, known: Known, ctx: ProgramContext, output: unknown): Returned {
  try {
    return returned(host, known, ctx, output)
  } catch (error) {
    throw new AbortError(error)
  }
}

async function settleInside(backend: Host['backend'], settlement: Settlement, tx: never): Promise<void> {
  const [answer] = await backend.settle([settlement], { tx })
  if (answer === 'applied') return
  throw new QError(
    'ERR_LEASE_LOST',
    `The step ${settlement.id} is no longer this worker's: what its transaction wrote was rolled back.`,
  )
}
