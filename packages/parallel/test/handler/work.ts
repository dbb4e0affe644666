/** Handlers that tests run on threads. */
import { AbortError, DeferredError, RetryAfterError } from '@q/core'
import { isMainThread, threadId } from 'node:worker_threads'
import type { ThreadContext, ThreadHandler } from '../../src/index.ts'

/** Where it ran, and what it was given. */
const where: ThreadHandler<unknown, unknown> = (args, ctx) => ({
  args,
  isMainThread,
  threadId,
  taskId: ctx.taskId,
  attempt: ctx.attempt,
  task: ctx.task,
})
// oxlint-disable-next-line import/no-default-export -- what a thread runs unless it is told another name
export default where

/** Computes for so many milliseconds without ever waiting. */
export function burn(ms: number): number {
  const end = performance.now() + ms
  let rounds = 0
  while (performance.now() < end) rounds += 1
  return rounds
}

/** The same, and says that it has begun: to its task and to whoever listens in the process. */
export function burnLoudly(ms: number, ctx: ThreadContext): number {
  ctx.report({ done: 0 })
  const channel = new BroadcastChannel('burning')
  channel.postMessage(ctx.taskId)
  channel.close()
  return burn(ms)
}

/** Computes until it hears that its end was asked for. */
export function burnUntilAsked(_args: unknown, ctx: ThreadContext): never {
  ctx.report({ done: 0 })
  for (;;) {
    burn(5)
    ctx.throwIfAborted()
  }
}

/** Waits for its signal and tells what it heard. */
export async function waitForSignal(_args: unknown, ctx: ThreadContext): Promise<string> {
  ctx.report({ done: 0 })
  await new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve()))
  return `stopped: ${(ctx.signal.reason as Error).message}`
}

/** Never ends, and does not block its loop either. */
export async function hang(_args: unknown, ctx: ThreadContext): Promise<void> {
  ctx.report({ done: 0 })
  await new Promise(() => setInterval(() => {}, 1_000))
}

class QuotaError extends Error {
  override readonly name = 'QuotaError'
  readonly code = 'E_QUOTA'
}

export function failAs(how: string): never {
  switch (how) {
    case 'type':
      throw new TypeError('not a number')
    case 'quota':
      throw new QuotaError('no room', { cause: new RangeError('1 of 0') })
    case 'text':
      throw 'just words'
    case 'abort':
      throw new AbortError(new Error('no such image'))
    case 'retry-after':
      throw new RetryAfterError(new Error('busy'), '30s')
    case 'deferred':
      throw new DeferredError('5m')
    default:
      throw new Error(`unknown: ${how}`)
  }
}

/** Ends its thread in one of many ways, or does not. */
export async function die(how: string): Promise<unknown> {
  switch (how) {
    case 'exit':
      process.exit(7)
    // falls through: process.exit does not return
    case 'uncaught':
      setTimeout(() => {
        throw new Error('thrown where nobody catches')
      }, 1)
      return new Promise(() => {})
    case 'rejected':
      void Promise.reject(new Error('nobody waits for this'))
      return new Promise(() => {})
    case 'memory': {
      const kept: string[][] = []
      for (;;) kept.push(Array.from({ length: 10_000 }, (_, index) => `${kept.length}/${index}`))
    }
    case 'later':
      setTimeout(() => {
        throw new Error('left behind')
      }, 20)
      return 'done'
    default:
      return threadId
  }
}

export const results: Readonly<Record<string, unknown>> = {
  function: { list: [{ render: () => 1 }] },
  symbol: Symbol('s'),
  rich: { at: new Date(0), ids: new Set([1]), bytes: new Uint8Array([1, 2]) },
}

export function give(which: string): unknown {
  return results[which]
}

export async function talk(_args: unknown, ctx: ThreadContext): Promise<string> {
  ctx.log.info('began', { size: 3 })
  ctx.report({ done: 1, total: 2, note: 'half' })
  ctx.log.warn('cannot cross', { render: () => 1 })
  ctx.log.error('ended')
  return 'said'
}

export const notAFunction = 42
