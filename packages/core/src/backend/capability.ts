/**
 * What a backend may offer beyond the contract: one small interface each.
 *
 * A capability is used after `supports(backend, …)` says so. Each has a section of its own in the
 * conformance suite, which runs when it is there and is skipped aloud when it is not.
 */
import { QError } from '../error.ts'
import type { StoredTask, TaskId } from '../task/task.ts'
import type { Backend } from './backend.ts'

/** Tells sleeping workers that a queue may have work. */
export interface Wake {
  /**
   * Calls `nudge(queue)` when a task of one of the queues may have become due. A nudge is a hint: it may be
   * missing, late or for nothing. After a lost connection every queue is nudged once.
   * @param onError Told when hints may have been missed; the backend mends it by itself.
   * @returns Ends the subscription.
   */
  wake(
    queues: readonly string[],
    nudge: (queue: string) => void,
    onError?: (error: unknown) => void,
  ): Promise<() => void>
}

/** Reads one task in any status. */
export interface FetchById {
  /** The task, or `null` when there is none with this id. */
  fetchById(id: TaskId): Promise<StoredTask | null>
}

/** Capability name → the interface it stands for. */
export interface Capabilities {
  wake: Wake
  fetchById: FetchById
}

/** Names of all capabilities, in the order of the feature table. */
export const CAPABILITIES: readonly (keyof Capabilities)[] = ['wake', 'fetchById']

/** Whether the backend has a capability; narrows its type. */
export function supports<B extends Backend<never>, C extends keyof Capabilities>(
  backend: B,
  capability: C,
): backend is B & Capabilities[C] {
  const offered: object = backend
  return capability in offered && typeof (offered as Partial<Record<C, unknown>>)[capability] === 'function'
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
