/** What can be changed of a task that waits, as users write it. */
import type { TaskChange } from '../backend/control.ts'
import type { QueueValues } from '../contract/values.ts'
import type { Duration } from '../duration.ts'
import { checkKnownOptions } from '../options.ts'
import { checkMetadata } from '../task/metadata-check.ts'
import { checkDeadline, checkDue, checkMaxAttempts, checkPriority, checkTimeout } from '../task/push-options.ts'
import type { Metadata } from '../task/task.ts'

/** Changes; what is absent stays, `null` takes away. */
export interface UpdateOptions<Input> {
  /** Other args, checked and encoded as at a push. */
  readonly args?: Input
  readonly runAt?: Date | number
  readonly runAfter?: Duration
  readonly priority?: number
  readonly maxAttempts?: number | null
  /** Takes the place of all metadata. */
  readonly metadata?: Metadata | null
  readonly timeout?: Duration | null
  readonly deadline?: Date | number | null
  readonly deadlineAfter?: Duration
}

const KNOWN = [
  'args',
  'runAt',
  'runAfter',
  'priority',
  'maxAttempts',
  'metadata',
  'timeout',
  'deadline',
  'deadlineAfter',
] as const satisfies readonly (keyof UpdateOptions<unknown>)[]

/** @throws QError `ERR_INVALID`, `ERR_SCHEMA_ASYNC`, `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`, `ERR_OPTION`, `ERR_DURATION` */
export function checkUpdate<Input, Result, Args, Returns>(
  change: UpdateOptions<Input>,
  values: QueueValues<Input, Result, Args, Returns>,
): TaskChange {
  checkKnownOptions('update', change, KNOWN)
  const { priority, maxAttempts, metadata, timeout, deadline, ...rest } = change
  const due = checkDue('update', rest)
  const until = checkDeadline('update', deadline === undefined || deadline === null ? rest : { ...rest, deadline })
  return {
    ...(Object.hasOwn(change, 'args') ? { payload: values.encodeArgs(change.args as Input).payload } : {}),
    ...(due === undefined ? {} : { due }),
    ...(priority === undefined ? {} : { priority: checkPriority('update', priority) }),
    ...(maxAttempts === undefined
      ? {}
      : { maxAttempts: maxAttempts === null ? null : checkMaxAttempts('update', maxAttempts) }),
    ...(metadata === undefined ? {} : { metadata: metadata === null ? null : checkMetadata('update', metadata) }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout === null ? null : checkTimeout('update', timeout) }),
    ...(deadline === null ? { deadline: null } : until === null ? {} : { deadline: until }),
  }
}
