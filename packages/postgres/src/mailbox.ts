/** What runs are told and their steps receive, and the pages of tasks: what only the holder of a task may do besides settling it. */
import type { ClaimToken, Encoded, Message, RunId, SignalAnswer, TaskId } from '@q/core'
import { checkInteger, checkMessage, checkReceive, QError } from '@q/core'
import { buffer } from './columns.ts'
import type { Run } from './connection/run.ts'
import { isToken, isUuid } from './cursor.ts'
import { discardQuery, readPagesQuery, receiveQuery, signalQuery, writePagesQuery } from './query/mailbox.ts'

const MOST_PAGES = 1_000
const MOST_READ = 100
/** Number of the last page. */
const LAST_PAGE = 1_000_000_000
const SIGNAL_ANSWERS: readonly SignalAnswer[] = ['unknown', 'stored', 'duplicate', 'ended']

interface Claim {
  readonly id: TaskId
  readonly token: ClaimToken
}

/** See `Mailbox.signal`. */
export async function signal(
  run: Run,
  schema: string,
  id: RunId,
  message: Message,
  key: string | undefined,
): Promise<SignalAnswer> {
  checkMessage(message, key)
  if (!isUuid(id)) return 'unknown'
  const { name, payload } = message
  const bytes = payload === null ? null : buffer(payload.bytes)
  const [row] = await run(
    signalQuery(schema, [id, name, payload?.codec ?? null, bytes, key ?? null]),
    'tell a run something',
  )
  return SIGNAL_ANSWERS[Number(row!.answer)]!
}

/**
 * See `Mailbox.receive` and, where it does not take them, `Mailbox.peek`.
 * @throws QError `ERR_LEASE_LOST`
 */
export async function receive(
  run: Run,
  schema: string,
  step: Claim,
  names: readonly string[],
  take: boolean,
): Promise<Message[]> {
  checkReceive(take ? 'receive' : 'peek', names)
  checkClaim(step)
  const rows = await run(receiveQuery(schema, [step.id, step.token, names, take]), 'receive messages')
  return rows.map((row) => {
    if (!row.held) throw lost(step)
    const { name, codec, bytes } = row
    return { name, payload: codec === null || bytes === null ? null : { codec, bytes } }
  })
}

/**
 * See `Mailbox.discard`.
 * @throws QError `ERR_LEASE_LOST`
 */
export async function discard(run: Run, schema: string, step: Claim, names: readonly string[]): Promise<void> {
  checkReceive('discard', names)
  checkClaim(step)
  const [row] = await run(discardQuery(schema, [step.id, step.token, names]), 'discard messages')
  if (!row!.held) throw lost(step)
}

/**
 * See `Collections.writePages`.
 * @throws QError `ERR_OPTION`, `ERR_LEASE_LOST`
 */
export async function writePages(
  run: Run,
  schema: string,
  owner: Claim,
  first: number,
  pages: readonly Encoded[],
): Promise<void> {
  checkInteger('writePages', 'first', first, 0, LAST_PAGE)
  checkInteger('writePages', 'the number of pages', pages.length, 0, MOST_PAGES)
  checkClaim(owner)
  const [codecs, bytes] = [pages.map(({ codec }) => codec), pages.map((page) => buffer(page.bytes))]
  const [row] = await run(writePagesQuery(schema, [owner.id, owner.token, first, codecs, bytes]), 'store pages')
  if (!row!.held) throw lost(owner)
}

/**
 * See `Collections.readPages`.
 * @throws QError `ERR_OPTION`
 */
export async function readPages(
  run: Run,
  schema: string,
  owner: TaskId,
  first: number,
  limit: number,
): Promise<Encoded[]> {
  checkInteger('readPages', 'first', first, 0, LAST_PAGE)
  checkInteger('readPages', 'limit', limit, 1, MOST_READ)
  if (!isUuid(owner)) return []
  return (await run(readPagesQuery(schema, [owner, first, limit]), 'read pages')).map(({ codec, bytes }) => ({
    codec,
    bytes,
  }))
}

/** What can be no claim is none that is current. */
function checkClaim(claim: Claim): void {
  if (!isUuid(claim.id) || !isToken(claim.token)) throw lost(claim)
}

function lost({ id }: Claim): QError {
  return new QError(
    'ERR_LEASE_LOST',
    `Task ${String(id).slice(0, 60)} is not held under this token any more: its lease ended, or it was settled. End the attempt.`,
  )
}
