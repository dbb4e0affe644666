/** The steps of the engine's own. Names of users cannot start with `$`. */
import { type ErrorCode, exponential, isQError, type NewTask, type RetryPolicy } from '@q/core'
import { controlTask, type Frame } from './frame.ts'
import { encodeRef, type Ref } from './refs.ts'

/** Ends a run that fails or is cancelled. */
export const END = '$end'
/** Joins the ends of a graph that has several. */
export const DONE = '$done'
/** Fails a run that takes too long. */
export const DEADLINE = '$deadline'
/** Followed by the name of the node that is undone. */
export const UNDO = '$undo:'

/** What no other attempt can change either. */
const FINAL: readonly ErrorCode[] = ['ERR_PAYLOAD_TOO_LARGE', 'ERR_ENCODE', 'ERR_DECODE', 'ERR_TASK_NOT_FOUND']

/** Of the engine's own steps: a run cannot do without them, and what they stumble over is the store. */
export const CONTROL_RETRY: RetryPolicy = {
  limit: Infinity,
  backoff: exponential({ min: 250, max: '1m' }),
  retryIf: (error) => !FINAL.some((code) => isQError(error, code)),
}

/**
 * The step that ends a failing or cancelled run; stored by whatever makes it so.
 * @param again Number of the one that takes the place of one that is over, and what it has left to undo if that is known.
 */
export function endTask(frame: Frame, again = 0, undo?: Extract<Ref, { kind: 'undo' }>): NewTask {
  return controlTask(frame, END, again, encodeRef(undo ?? { kind: 'nothing' }))
}

/** The step that ends a run as the step `of` should have, in the place of its settlement. */
export function doneTask(frame: Frame, again: number, ref: Extract<Ref, { kind: 'output' | 'failed' }>): NewTask {
  return controlTask(frame, DONE, again, encodeRef(ref))
}

/** The step that fails a run after so long. */
export function deadlineTask(frame: Frame, afterMs: number): NewTask {
  return controlTask(frame, DEADLINE, 0, encodeRef({ kind: 'nothing' }), { afterMs })
}

/** Whether a run cannot end without this step, and it has nothing in it that could fail but the store. */
export function isIndispensable(node: string): boolean {
  return node === END || node === DEADLINE
}

/** Whether a step is one of the engine's own. */
export function isControl(node: string): boolean {
  return node.startsWith('$')
}
