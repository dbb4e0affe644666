/**
 * What runs on a thread: one attempt, with a context made out of messages.
 *
 * Loaded by the pool, not by users. Nothing escapes: what the handler throws or returns goes back through the port of the
 * attempt, so that log lines come before the end that they belong to.
 */
import { QError, type Say } from '@q/core'
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { uncloneable } from './cloneable.ts'
import type { Job, LogNews, News, Stop } from './message.ts'
import type { ThreadContext, ThreadHandler } from './thread-context.ts'
import { fromWire, toWire } from './wire-error.ts'

/** Runs one attempt. Resolves when its end has been sent. */
export async function runJob(job: Job): Promise<void> {
  const { port } = job
  const stop = new AbortController()
  const hear = ({ kind, reason }: Stop): void => {
    if (kind === 'stop') stop.abort(fromWire(reason))
  }
  port.on('message', hear)
  send(port, { kind: 'started' })
  try {
    const handler = await load(job.module, job.name)
    const ctx = context(job, stop.signal, hear)
    ctx.throwIfAborted()
    const value = await handler(job.args, ctx)
    if (!trySend(port, { kind: 'done', value })) send(port, { kind: 'uncloneable', ...uncloneable(value, 'result') })
  } catch (thrown) {
    send(port, {
      kind: 'failed',
      error: toWire(thrown),
      stopped: stop.signal.aborted && thrown === stop.signal.reason,
    })
  } finally {
    port.off('message', hear)
  }
}

async function load(module: string, name: string): Promise<ThreadHandler<unknown>> {
  const loaded = (await import(module)) as Readonly<Record<string, unknown>>
  // A CommonJS module is its own default export; one that was compiled from a default export has another inside.
  const exported = name === 'default' ? unwrap(loaded['default']) : (loaded[name] ?? own(loaded['default'], name))
  if (typeof exported === 'function') return exported as ThreadHandler<unknown>
  throw new QError(
    'ERR_OPTION',
    `parallelize: ${module} must export a function (args, ctx) => … as ${name}, got ${typeof exported}. Its exports: ${Object.keys(loaded).join(', ') || 'none'}.`,
  )
}

function unwrap(exported: unknown): unknown {
  return typeof exported === 'function' ? exported : (own(exported, 'default') ?? exported)
}

function own(holder: unknown, name: string): unknown {
  return typeof holder === 'object' && holder !== null && Object.hasOwn(holder, name)
    ? (holder as Record<string, unknown>)[name]
    : undefined
}

function context({ port, task }: Job, signal: AbortSignal, hear: (message: Stop) => void): ThreadContext {
  const line =
    (level: LogNews['level']): Say =>
    (message, fields) => {
      const news: LogNews = { kind: 'log', level, message, fields }
      if (trySend(port, news)) return
      const { path, what } = uncloneable(fields, 'fields')
      trySend(port, { ...news, fields: { note: `${path} is ${what}, which cannot be passed between threads` } })
    }
  return {
    task,
    taskId: task.id,
    attempt: task.attempt,
    signal,
    throwIfAborted() {
      // Looks into the mailbox itself: in a loop that never waits no event is delivered.
      for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port))
        hear(got.message as Stop)
      signal.throwIfAborted()
    },
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
    report(progress) {
      trySend(port, { kind: 'report', progress })
    },
  }
}

function send(port: MessagePort, news: News): void {
  port.postMessage(news)
}

/** False when the message holds what cannot be cloned. */
function trySend(port: MessagePort, news: News): boolean {
  try {
    send(port, news)
    return true
  } catch {
    return false
  }
}
