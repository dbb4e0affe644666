/** Steps that are handed out only to be ended, or that this build cannot run: no code of a user starts for them. */
import {
  type ClaimedTask,
  CRASH_BUDGET,
  type ErrorRecord,
  fingerprintOf,
  QError,
  type Settlement,
  toErrorRecord,
} from '@q/core'
import type { Known } from './library.ts'
import { isControl, isIndispensable } from './control.ts'

/** For how long a step is put off that belongs to a workflow or a node of another build. */
const UNKNOWN_MS = 5_000

/** The settlement of a step that is not to be run; `undefined`: run it. */
export function refuse(
  known: Known | undefined,
  task: ClaimedTask,
  settle: (task: ClaimedTask, settlement: Settlement) => Settlement | null,
): Settlement | undefined {
  const { id, token, step, attempt, maxAttempts, crashes } = task
  if (step === undefined || step === null) {
    const error = new QError(
      'ERR_OPTION',
      `Task ${id} of queue "${task.queue}" is no step of a run. Start runs with workflow.pushStart(storage, input); give other tasks a queue of their own.`,
    )
    return { id, token, kind: 'killed', error: toErrorRecord(error) }
  }
  const control = isControl(step.node)
  const goesOn = step.status === 'running' || (control && (step.status === 'failing' || step.status === 'cancelling'))
  if (!goesOn) return { id, token, kind: 'cancelled', error: record('ERR_CANCELLED', `The run is ${step.status}.`) }
  // Another build may know it; attempts are not touched.
  if (known === undefined || (known.node === undefined && !control))
    return { id, token, kind: 'deferred', afterMs: UNKNOWN_MS * (0.5 + Math.random()) }
  if (isIndispensable(step.node)) return undefined
  if (task.cancelling === true)
    return (
      settle(task, { id, token, kind: 'cancelled', error: record('ERR_CANCELLED', 'The step was cancelled.') }) ??
      undefined
    )
  const spent = maxAttempts !== null && attempt > maxAttempts
  if (!spent && crashes < CRASH_BUDGET) return undefined
  const why = spent ? `its ${maxAttempts} attempts are spent` : `that is the limit of ${CRASH_BUDGET}`
  const error = record(
    'ERR_CRASHED',
    `Workers died, or lost their lease, while they held this step (${crashes} crashes; ${why}).`,
  )
  return settle(task, { id, token, kind: 'killed', error }) ?? undefined
}

function record(code: string, message: string): ErrorRecord {
  const error = { name: 'QError', code, message }
  return { ...error, fingerprint: fingerprintOf(error) }
}
