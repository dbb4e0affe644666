/** What goes to and fro between the process's main thread and a thread: plain data, in one place for both ends. */
import type { LogLevel, ProgressUpdate, TaskInfo } from '@q/core'
import type { MessagePort } from 'node:worker_threads'
import type { WireError } from './wire-error.ts'

/** One attempt, as it is handed to a thread. */
export interface Job {
  /** URL of the module, and the name of its export. */
  readonly module: string
  readonly name: string
  readonly args: unknown
  readonly task: TaskInfo
  /** Everything else about this attempt goes through here. */
  readonly port: MessagePort
}

/** To the thread: the attempt's signal aborted. */
export interface Stop {
  readonly kind: 'stop'
  readonly reason: WireError
}

/** The words of a line, and how loud. */
export interface LogNews {
  readonly kind: 'log'
  readonly level: LogLevel
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>> | undefined
}

/** How far the work is. */
export interface ReportNews {
  readonly kind: 'report'
  readonly progress: ProgressUpdate
}

/** How the attempt came out. */
export type Ending =
  | { readonly kind: 'done'; readonly value: unknown }
  /** `stopped`: what was thrown is the reason of the signal. */
  | { readonly kind: 'failed'; readonly error: WireError; readonly stopped: boolean }
  | { readonly kind: 'uncloneable'; readonly path: string; readonly what: string }

/** From the thread. `started` comes first, an ending last. */
export type News = { readonly kind: 'started' } | LogNews | ReportNews | Ending
