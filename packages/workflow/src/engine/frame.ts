/** What the steps of a run have in common, and how a step is made of it. */
import type { ClaimedTask, Due, Encoded, Metadata, NewTask, RunId } from '@q/core'
import type { GraphNode } from '../graph/graph.ts'
import { storedName } from '../graph/names.ts'
import { stepId } from '../ids.ts'
import { unwrap, wrap } from './wrap.ts'

/** Inherited from step to step. */
export interface Frame {
  readonly run: RunId
  readonly queue: string
  readonly priority: number
  readonly metadata: Metadata | null
}

/** What the steps after this one inherit. */
export function frameOf(task: ClaimedTask): Frame {
  const { step, queue, metadata } = task
  if (step === undefined || step === null) throw new TypeError('The task is no step of a run.')
  return { run: step.run, queue, priority: priorityOf(task), metadata }
}

/** That of the run of a step, whatever its node says of its own. */
export function priorityOf({ payload, priority }: Pick<ClaimedTask, 'payload' | 'priority'>): number {
  return unwrap(payload).said.priority ?? priority
}

/** At once. */
export const NOW: Due = { afterMs: 0 }

/** Index of the step that has the output of a node made of several (map, loop); of others it is 0. */
export const LAST = 2_147_483_647

/** Where the output of a node is. */
export function outputIndex({ work }: GraphNode): number {
  return work.kind === 'map' || work.kind === 'repeat' ? LAST : 0
}

/** A step of a node, to be stored. */
export function stepTask(frame: Frame, node: GraphNode, index: number, payload: Encoded, due: Due = NOW): NewTask {
  const { priority = frame.priority, retry, timeoutMs } = node.options
  const { origin } = unwrap(payload).said
  const said = {
    ...(origin === undefined ? {} : { origin }),
    ...(priority === frame.priority ? {} : { priority: frame.priority }),
  }
  return {
    ...controlTask(frame, storedName(node), index, wrap(payload, said), due),
    priority,
    maxAttempts: retry?.limit ?? null,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  }
}

/** A step of the engine's own; its name starts with `$`. */
export function controlTask(frame: Frame, node: string, index: number, payload: Encoded, due: Due = NOW): NewTask {
  const { run, queue, priority, metadata } = frame
  return {
    id: stepId(run, node, index),
    queue,
    payload,
    priority,
    due,
    maxAttempts: null,
    key: null,
    metadata,
    step: { run, node, index },
  }
}
