/**
 * One connection that listens for queues with work, for everyone in this process.
 *
 * A notification is only a hint. The connection is checked by a notification to itself; when it is lost, or
 * does not deliver (as behind a transaction pooler), it is made anew and every queue is nudged once, because
 * what was announced meanwhile is gone.
 */
import { QError } from '@q/core'
import type { Client, ClientConfig, Pool } from 'pg'
import { connectionSettings } from '../connection/control.ts'
import { quoteIdentifier, wakeChannel } from '../schema/sql.ts'

const CHECK_EVERY_MS = 20_000
const CHECK_TIMEOUT_MS = 5_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000
/** Starts a payload that is a check; no queue name does. */
const CHECK_MARK = '#'

interface Subscription {
  readonly queues: ReadonlySet<string>
  readonly nudge: (queue: string) => void
  readonly onError: ((error: unknown) => void) | undefined
}

/** Hands announcements to subscribers. */
export interface Listener {
  /** Nudges when one of the queues is announced; connects with the first subscription. Returns the way out. */
  subscribe(queues: readonly string[], nudge: (queue: string) => void, onError?: (error: unknown) => void): () => void
  close(): Promise<void>
}

/** A listener for one schema; connects when somebody subscribes. */
export function openListener(pool: Pool, schema: string): Listener {
  const channel = wakeChannel(schema)
  const subscriptions = new Set<Subscription>()
  const nonce = crypto.randomUUID()
  let client: Client | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  let connecting = false
  let closed = false

  const nudgeAll = (): void => {
    for (const { queues, nudge } of subscriptions) for (const queue of queues) nudge(queue)
  }

  const schedule = (ms: number, run: () => void): void => {
    clearTimeout(timer)
    if (closed) return
    timer = setTimeout(run, ms)
    timer.unref()
  }

  const lose = (lost: Client, error: unknown): void => {
    if (client !== lost) return
    client = undefined
    void lost.end().catch(() => undefined)
    if (closed || subscriptions.size === 0) return
    for (const { onError } of subscriptions) onError?.(error)
    schedule(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10)) * (0.5 + Math.random()), connect)
    failures += 1
  }

  /** Asks the server to notify this connection; silence means that it does not listen. */
  const check = async (checked: Client): Promise<void> => {
    const payload = `${CHECK_MARK}${nonce}`
    let heard: () => void = () => undefined
    const hears = new Promise<void>((resolve) => {
      heard = resolve
    })
    const onNotification = (message: { payload?: string | undefined }): void => {
      if (message.payload === payload) heard()
    }
    checked.on('notification', onNotification)
    let timeout: ReturnType<typeof setTimeout> | undefined
    try {
      const silence = new Promise<never>((_, reject) => {
        timeout = setTimeout(
          () =>
            reject(
              new QError(
                'ERR_BACKEND_UNAVAILABLE',
                'The LISTEN connection hears nothing: it died, or goes through a transaction pooler (use a direct connection, or leave out notify and poll).',
              ),
            ),
          CHECK_TIMEOUT_MS,
        )
        timeout.unref()
      })
      await Promise.race([Promise.all([checked.query('select pg_notify($1, $2)', [channel, payload]), hears]), silence])
      failures = 0
      schedule(CHECK_EVERY_MS, () => void check(checked))
    } catch (error) {
      lose(checked, error)
    } finally {
      clearTimeout(timeout)
      checked.off('notification', onNotification)
    }
  }

  const connect = (): void => {
    if (closed || connecting || client !== undefined || subscriptions.size === 0) return
    connecting = true
    const ClientClass = (pool as Pool & { Client: new (config: ClientConfig) => Client }).Client
    const fresh = new ClientClass(connectionSettings(pool, `q listen ${schema}`))
    client = fresh
    fresh.on('error', (error: unknown) => lose(fresh, error))
    fresh.on('end', () => lose(fresh, new QError('ERR_BACKEND_UNAVAILABLE', 'The LISTEN connection ended.')))
    fresh.on('notification', ({ payload }) => {
      if (payload === undefined || payload.startsWith(CHECK_MARK)) return
      for (const { queues, nudge } of subscriptions) if (queues.has(payload)) nudge(payload)
    })
    void (async () => {
      try {
        await fresh.connect()
        await fresh.query(`listen ${quoteIdentifier(channel)}`)
        connecting = false
        nudgeAll()
        await check(fresh)
      } catch (error) {
        connecting = false
        lose(fresh, error)
      }
    })()
  }

  return {
    subscribe(queues, nudge, onError) {
      const subscription: Subscription = { queues: new Set(queues), nudge, onError }
      subscriptions.add(subscription)
      connect()
      return () => {
        subscriptions.delete(subscription)
        if (subscriptions.size > 0) return
        clearTimeout(timer)
        const idle = client
        client = undefined
        void idle?.end().catch(() => undefined)
      }
    },
    async close() {
      closed = true
      clearTimeout(timer)
      const open = client
      client = undefined
      await open?.end().catch(() => undefined)
    },
  }
}
