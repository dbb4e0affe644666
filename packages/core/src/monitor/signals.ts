/**
 * Signals of the process, where there is one.
 *
 * Core knows no runtime: `process` is looked up, and only the two methods used here are asked of it.
 */
import { QError } from '../error.ts'

/** Signals that ask a process to end. */
export type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGQUIT' | 'SIGUSR2' | 'SIGBREAK'

interface ProcessLike {
  on(signal: string, listener: () => void): unknown
  off(signal: string, listener: () => void): unknown
}

/**
 * Calls `received` at each of the signals instead of the process's own reaction.
 * @returns Gives the signals back.
 * @throws QError `ERR_NOT_SUPPORTED` where there is no `process`.
 */
export function onSignals(signals: readonly SignalName[], received: () => void): () => void {
  const { process } = globalThis as { readonly process?: ProcessLike }
  if (typeof process?.on !== 'function' || typeof process.off !== 'function') {
    throw new QError(
      'ERR_NOT_SUPPORTED',
      'Monitor: this runtime has no process signals. Use run(signal) with an AbortSignal.',
    )
  }
  for (const signal of signals) process.on(signal, received)
  return () => {
    for (const signal of signals) process.off(signal, received)
  }
}
