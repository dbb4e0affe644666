/**
 * One connection that listens for queues with work, for everyone in this process.
 *
 * A notification is only a hint. The connection is checked by a notification to itself; when it is lost, or
 * does not deliver (as behind a transaction pooler), it is made anew and every queue is nudged once, because
 * what was announced meanwhile is gone.
 */
import type { NudgeReason } from '@q/core'
import { QError } from '@q/core'
import type { Client, ClientConfig, Pool } from 'pg'
import { connectionSettings } from '../connection/control.ts'
import { NEWS_MARK, quoteIdentifier, wakeChannel } from '../schema/sql.ts'

const CHECK_EVERY_MS = 20_000
const CHECK_TIMEOUT_MS = 5_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000
/** Starts a payload that is a check; no queue name does. */
const CHECK_MARK = '#'

interface Subscription {
  readonly queues: ReadonlySet<string>
  readonly nudge: (queue: string, reason: NudgeReason) => void
  readonly onError: ((error: unknown) => void) | undefined
}

/** A connection on its way to listening, or listening. */
interface Connection {
  readonly client: Client
  /** Resolves once it listens, or is given up. */
  readonly settled: Promise<void>
}

/** Hands announcements to subscribers. */
export interface Listener {
  /**
   * Nudges when one of the queues is announced: for work, or for news. Resolves once the connection listens or its first try failed
   * (it goes on trying by itself); then every queue is nudged once.
   */
  subscribe(
    queues: readonly string[],
    nudge: (queue: string, reason: NudgeReason) => void,
    onError?: (error: unknown) => void,
  ): Promise<() => void>
  close(): Promise<void>
}

/** A listener for one schema; connects when somebody subscribes. */
export function openListener(pool: Pool, schema: string): Listener {
  const channel = wakeChannel(schema)
  const subscriptions = new Set<Subscription>()
  const nonce = crypto.randomUUID()
  let current: Connection | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  let closed = false

  const schedule = (ms: number, run: () => void): void => {
    clearTimeout(timer)
    if (closed) return
    timer = setTimeout(run, ms)
    timer.unref()
  }

  const drop = async (): Promise<void> => {
    clearTimeout(timer)
    const connection = current
    current = undefined
    await connection?.client.end().catch(ignore)
  }

  const lose = (client: Client, error: unknown): void => {
    if (current?.client !== client) return
    void drop()
    if (closed || subscriptions.size === 0) return
    for (const { onError } of subscriptions) onError?.(error)
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10))
    failures += 1
    schedule(pause * (0.5 + Math.random()), () => void connect())
  }

  /** Asks the server to notify this connection; silence means that it does not listen. */
  const check = async (client: Client): Promise<void> => {
    const heard = hears(client, `${CHECK_MARK}${nonce}`)
    try {
      await Promise.all([client.query('select pg_notify($1, $2)', [channel, `${CHECK_MARK}${nonce}`]), heard])
      failures = 0
      if (current?.client === client) schedule(CHECK_EVERY_MS, () => void check(client))
    } catch (error) {
      lose(client, error)
    }
  }

  const listen = async (client: Client): Promise<void> => {
    try {
      await client.connect()
      await client.query(`listen ${quoteIdentifier(channel)}`)
    } catch (error) {
      return lose(client, error)
    }
    for (const subscription of subscriptions) for (const queue of subscription.queues) tell(subscription, queue, 'work')
    void check(client)
  }

  const connect = (): Promise<void> => {
    if (closed || subscriptions.size === 0) return Promise.resolve()
    if (current !== undefined) return current.settled
    const ClientClass = (pool as Pool & { Client: new (config: ClientConfig) => Client }).Client
    const client = new ClientClass(connectionSettings(pool, `q listen ${schema}`))
    client.on('error', (error: unknown) => lose(client, error))
    client.on('end', () => lose(client, new QError('ERR_BACKEND_UNAVAILABLE', 'The LISTEN connection ended.')))
    client.on('notification', ({ payload }) => {
      if (payload === undefined || payload.startsWith(CHECK_MARK)) return
      const news = payload.startsWith(NEWS_MARK)
      const queue = news ? payload.slice(NEWS_MARK.length) : payload
      for (const subscription of subscriptions)
        if (subscription.queues.has(queue)) tell(subscription, queue, news ? 'news' : 'work')
    })
    const opening = Promise.withResolvers<void>()
    current = { client, settled: opening.promise }
    void listen(client).finally(opening.resolve)
    return opening.promise
  }

  return {
    async subscribe(queues, nudge, onError) {
      const subscription: Subscription = { queues: new Set(queues), nudge, onError }
      const listening = current !== undefined
      subscriptions.add(subscription)
      await connect()
      if (listening) for (const queue of subscription.queues) tell(subscription, queue, 'work')
      return () => {
        subscriptions.delete(subscription)
        if (subscriptions.size === 0) void drop()
      }
    },
    async close() {
      closed = true
      await drop()
    },
  }
}

/** Resolves when the client is notified with this payload; rejects after a while without. */
async function hears(client: Client, payload: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onNotification = (message: { payload?: string | undefined }): void => {
    if (message.payload === payload) resolve()
  }
  const timeout = setTimeout(() => {
    reject(
      new QError(
        'ERR_BACKEND_UNAVAILABLE',
        'The LISTEN connection hears nothing: it died, or goes through a transaction pooler (use a direct connection, or leave out notify and poll).',
      ),
    )
  }, CHECK_TIMEOUT_MS)
  timeout.unref()
  client.on('notification', onNotification)
  try {
    await promise
  } finally {
    clearTimeout(timeout)
    client.off('notification', onNotification)
  }
}

/** A subscriber that throws must not keep the others from hearing. */
function tell({ nudge, onError }: Subscription, queue: string, reason: NudgeReason): void {
  try {
    nudge(queue, reason)
  } catch (error) {
    onError?.(error)
  }
}

function ignore(): void {
  // A connection that cannot be ended in good order is gone anyway.
}
