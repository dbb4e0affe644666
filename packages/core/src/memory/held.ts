/** What only the holder of a task may do besides settling it: read messages of its run, store pages. */
import { checkMessage, checkReceive } from '../backend/run-arguments.ts'
import type { Message, RunId, SignalAnswer } from '../backend/runs.ts'
import { QError } from '../error.ts'
import { checkInteger } from '../options.ts'
import type { ClaimToken, Encoded, TaskId } from '../task/task.ts'
import type { Engine } from './engine.ts'
import type { Row } from './row.ts'
import { copyEncoded } from './row.ts'
import { post } from './run-part.ts'

const MOST_PAGES = 1_000
const MOST_READ = 100
/** Number of the last page. */
const LAST_PAGE = 1_000_000_000

interface Claim {
  readonly id: TaskId
  readonly token: ClaimToken
}

/** See `Mailbox.signal`. */
export function signal(engine: Engine, id: RunId, message: Message, key: string | undefined): SignalAnswer {
  checkMessage(message, key)
  const run = engine.runs.get(id)
  if (run === undefined) return 'unknown'
  if (key !== undefined && run.mailbox.knows(key)) return 'duplicate'
  if (run.finishedAt !== null) return 'ended'
  const changed = new Set<string>()
  post(engine, run, message, engine.clock.now(), changed)
  if (key !== undefined) run.mailbox.know(key)
  engine.wakers.changed(changed)
  return 'stored'
}

/** See `Mailbox.receive`. */
export function receive(engine: Engine, step: Claim, names: readonly string[]): Message[] {
  checkReceive('receive', names)
  return held(engine, step).run?.mailbox.receive(step.id, names) ?? []
}

/** See `Mailbox.peek`. */
export function peek(engine: Engine, step: Claim, names: readonly string[]): Message[] {
  checkReceive('peek', names)
  return held(engine, step).run?.mailbox.peek(step.id, names) ?? []
}

/** See `Mailbox.discard`. */
export function discard(engine: Engine, step: Claim, names: readonly string[]): void {
  checkReceive('discard', names)
  held(engine, step).run?.mailbox.discard(step.id, names)
}

/** See `Collections.writePages`. */
export function writePages(engine: Engine, owner: Claim, first: number, pages: readonly Encoded[]): void {
  checkInteger('writePages', 'first', first, 0, LAST_PAGE)
  checkInteger('writePages', 'the number of pages', pages.length, 0, MOST_PAGES)
  const row = held(engine, owner)
  row.pages ??= new Map()
  for (const [n, page] of pages.entries()) row.pages.set(first + n, copyEncoded(page))
}

/** See `Collections.readPages`. */
export function readPages(engine: Engine, owner: TaskId, first: number, limit: number): Encoded[] {
  checkInteger('readPages', 'first', first, 0, LAST_PAGE)
  checkInteger('readPages', 'limit', limit, 1, MOST_READ)
  const pages = engine.store.get(owner)?.pages
  if (!pages) return []
  const read: Encoded[] = []
  for (let n = first; n < first + limit; n++) {
    const page = pages.get(n)
    if (page !== undefined) read.push(copyEncoded(page))
  }
  return read
}

function held(engine: Engine, { id, token }: Claim): Row {
  const row = engine.store.get(id)
  if (row !== undefined && row.token === token) return row
  throw new QError(
    'ERR_LEASE_LOST',
    `Task ${String(id).slice(0, 60)} is not held under this token any more: its lease ended, or it was settled. End the attempt.`,
  )
}
