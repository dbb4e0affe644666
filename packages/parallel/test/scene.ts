/** The pieces of a parallel handler's tests: its module, and a context that records. */
import type { TaskContext } from '@q/core'
import { MessageChannel } from 'node:worker_threads'
import { type ParallelHandler, parallelize, type ParallelizeOptions } from '../src/index.ts'

export const WORK: URL = new URL('./handler/work.ts', import.meta.url)

/** One of the handlers of handler/work.ts. */
export function handlerOf(name: string, options: ParallelizeOptions = {}): ParallelHandler<unknown, unknown> {
  return parallelize<unknown, unknown>(WORK, { name, ...options })
}

/** What one attempt was told and said. */
export interface Recorded {
  readonly ctx: TaskContext
  readonly said: unknown[]
  /** Resolves when the handler first reports, which is when it runs. */
  readonly begun: Promise<void>
  readonly abort: (reason: unknown) => void
}

let count = 0

/** The context of one attempt that belongs to no worker. */
export function attemptOf(attempt = 1): Recorded {
  const stop = new AbortController()
  const said: unknown[] = []
  const begun = Promise.withResolvers<void>()
  const line =
    (level: string) =>
    (message: string, fields?: unknown): void =>
      void said.push([level, message, fields])
  const id = `0190a000-0000-7000-8000-${String(++count).padStart(12, '0')}`
  const task = { id, queue: 'work', attempt, maxAttempts: 3, priority: 0, runAt: 0, metadata: { a: 'b' }, crashes: 0 }
  const ctx = {
    task: { ...task, payload: new Uint8Array(3) },
    taskId: id,
    attempt,
    signal: stop.signal,
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
    report(progress: unknown) {
      said.push(['report', progress])
      begun.resolve()
    },
  } as Partial<TaskContext> as TaskContext
  return { ctx, said, begun: begun.promise, abort: (reason) => stop.abort(reason) }
}

/** What a promise was rejected with; fails when it was not. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { readonly code?: string }> {
  const value = await promise.then(
    (fulfilled) => ({ fulfilled }),
    (reason: unknown) => reason,
  )
  if (value instanceof Error) return value
  throw new Error(`expected an error, got ${JSON.stringify(value)}`)
}

/** A value that no structured clone can hold, in spite of its class. */
export function openPort(): { readonly value: unknown; close(): void } {
  const { port1 } = new MessageChannel()
  return { value: port1, close: () => port1.close() }
}
