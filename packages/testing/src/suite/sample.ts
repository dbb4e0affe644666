/** Tasks, payloads and settlements as the cases write them. */
import type { ClaimedTask, Encoded, ErrorRecord, NewTask, Settlement, Uniqueness } from '@q/core'
import { fingerprintOf, uuidv7 } from '@q/core'

/** Longer than any case lasts, in milliseconds. */
export const HOUR: number = 3_600_000

/** Every byte there is. */
export const EVERY_BYTE: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => byte)

/** An error record as a worker writes it. */
export const BOOM: ErrorRecord = { name: 'Error', message: 'boom', stack: 'Error: boom\n    at handler' }

/** An error record with the fingerprint that a worker gives it; messages that differ in letters are told apart. */
export function marked(message: string): ErrorRecord & { readonly fingerprint: string } {
  const record = { name: 'MarkedError', message }
  return { ...record, fingerprint: fingerprintOf(record) }
}

/** Text as a payload. */
export function text(value: string): Encoded {
  return { codec: 'text', bytes: bytes(value) }
}

/** Text as UTF-8. */
export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

/** A task for a queue, due now, with a payload of its own. */
export function newTask(queue: string, more: Partial<NewTask> = {}): NewTask {
  const id = more.id ?? uuidv7()
  return {
    id,
    queue,
    payload: text(`payload of ${id}`),
    priority: 0,
    due: { afterMs: 0 },
    maxAttempts: null,
    key: null,
    metadata: null,
    ...more,
  }
}

/** Keeps other tasks with the key out until the task has ended, unless told otherwise. */
export function only(more: Partial<Uniqueness> = {}): Uniqueness {
  return { key: 'u', while: 'unfinished', windowMs: 0, otherwise: 'keep', ...more }
}

type Claim = Pick<ClaimedTask, 'id' | 'token'>
type Kind<K extends Settlement['kind']> = Extract<Settlement, { kind: K }>
type More<K extends Settlement['kind']> = Partial<Omit<Kind<K>, 'id' | 'token' | 'kind'>>

export const done = ({ id, token }: Claim, more: More<'done'> = {}): Settlement => ({
  id,
  token,
  kind: 'done',
  result: null,
  ...more,
})
export const failed = ({ id, token }: Claim, more: More<'failed'> = {}): Settlement => ({
  id,
  token,
  kind: 'failed',
  error: BOOM,
  retryAfterMs: 0,
  ...more,
})
export const killed = ({ id, token }: Claim, more: More<'killed'> = {}): Settlement => ({
  id,
  token,
  kind: 'killed',
  error: BOOM,
  ...more,
})
export const cancelled = ({ id, token }: Claim, more: More<'cancelled'> = {}): Settlement => ({
  id,
  token,
  kind: 'cancelled',
  ...more,
})
export const released = ({ id, token }: Claim, more: More<'released'> = {}): Settlement => ({
  id,
  token,
  kind: 'released',
  ...more,
})
export const deferred = ({ id, token }: Claim, more: More<'deferred'> = {}): Settlement => ({
  id,
  token,
  kind: 'deferred',
  afterMs: 0,
  ...more,
})
export const progress = ({ id, token }: Claim, more: More<'progress'> = {}): Settlement => ({
  id,
  token,
  kind: 'progress',
  checkpoint: bytes('so far'),
  ...more,
})

/** A settlement of one kind. */
export type Settle = (claim: Claim, more?: { readonly follow?: readonly NewTask[] }) => Settlement

/** The kinds after which a task is finished. */
export const FINAL_KINDS: Readonly<Record<'done' | 'killed' | 'cancelled', Settle>> = { done, killed, cancelled }

/** The kinds after which a task waits for its next claim. */
export const RETURN_KINDS: Readonly<Record<'failed' | 'released' | 'deferred', Settle>> = { failed, released, deferred }

/** The kinds that end a claim. */
export const ENDING_KINDS: Readonly<Record<string, Settle>> = { ...FINAL_KINDS, ...RETURN_KINDS }

/** Every kind of settlement. */
export const ALL_KINDS: Readonly<Record<string, Settle>> = { ...ENDING_KINDS, progress }
