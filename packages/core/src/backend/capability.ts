/**
 * What a backend may offer beyond the contract: one small interface each.
 *
 * A capability is used after `supports(backend, …)` says so. Each has a section of its own in the
 * conformance suite, which runs when it is there and is skipped aloud when it is not.
 */
import { QError } from '../error.ts'
import type { StoredTask, TaskId } from '../task/task.ts'
import type { Backend } from './backend.ts'
import type { Cancel, CommandWorker, Limit, Pause, Remove, ResumeById, Unique, Update, Vacuum } from './control.ts'
import type { Collections, Mailbox, Runs, Transactional } from './runs.ts'
import type {
  CountTasks,
  Events,
  ListAttempts,
  ListErrorGroups,
  ListQueues,
  ListTasks,
  ListWorkers,
  Metrics,
  Report,
} from './visibility.ts'

/** Why a worker is nudged. `work`: a task may have become due. `news`: a beat may bring something new (a cancel, a pause, a command). */
export type NudgeReason = 'work' | 'news'

/** Tells sleeping workers that a queue may have work. */
export interface Wake {
  /**
   * Calls `nudge(queue, reason)` when a task of one of the queues may have become due, or when its workers should beat. A
   * nudge is a hint: it may be missing, late or for nothing. After a lost connection every queue is nudged once for `work`.
   * @param onError Told when hints may have been missed; the backend mends it by itself.
   * @returns Ends the subscription.
   */
  wake(
    queues: readonly string[],
    nudge: (queue: string, reason: NudgeReason) => void,
    onError?: (error: unknown) => void,
  ): Promise<() => void>
}

/** Reads one task in any status. */
export interface FetchById {
  /** The task, or `null` when there is none with this id. */
  fetchById(id: TaskId): Promise<StoredTask | null>
}

/** Capability name → the interface it stands for. Each is offered by a backend that has a member of that name. */
export interface Capabilities {
  wake: Wake
  fetchById: FetchById
  unique: Unique
  update: Update
  cancel: Cancel
  resumeById: ResumeById
  remove: Remove
  pause: Pause
  commandWorker: CommandWorker
  vacuum: Vacuum
  acquire: Limit
  listTasks: ListTasks
  countTasks: CountTasks
  listQueues: ListQueues
  listWorkers: ListWorkers
  listAttempts: ListAttempts
  report: Report
  metrics: Metrics
  listErrorGroups: ListErrorGroups
  events: Events
  startRuns: Runs<never>
  signal: Mailbox
  writePages: Collections
  transaction: Transactional<never>
}

/** Names of all capabilities, in the order of the feature table. */
export const CAPABILITIES: readonly (keyof Capabilities)[] = [
  'wake',
  'fetchById',
  'unique',
  'update',
  'cancel',
  'resumeById',
  'remove',
  'pause',
  'commandWorker',
  'vacuum',
  'acquire',
  'listTasks',
  'countTasks',
  'listQueues',
  'listWorkers',
  'listAttempts',
  'report',
  'metrics',
  'listErrorGroups',
  'events',
  'startRuns',
  'signal',
  'writePages',
  'transaction',
]

/** Whether the backend has a capability; narrows its type. */
export function supports<B extends Backend<never>, C extends keyof Capabilities>(
  backend: B,
  capability: C,
): backend is B & Capabilities[C] {
  const offered: object = backend
  const member = (offered as Partial<Record<C, unknown>>)[capability]
  return typeof member === 'function' || member === true
}

/**
 * The backend with the capability, or an error that says which one is missing.
 * @throws QError `ERR_NOT_SUPPORTED`
 */
export function required<B extends Backend<never>, C extends keyof Capabilities>(
  backend: B,
  capability: C,
): B & Capabilities[C] {
  if (supports(backend, capability)) return backend
  throw new QError(
    'ERR_NOT_SUPPORTED',
    `The ${backend.name} backend cannot ${capability}. See its row in the feature table for what it offers.`,
  )
}
