/** Checks what the methods of runs and mailboxes are given, like arguments.ts. Public, for authors of backends. */
import { checkQueueName } from '../contract/queue-name.ts'
import { QError } from '../error.ts'
import { checkInteger, checkKnownOptions, didYouMean } from '../options.ts'
import { show } from '../show.ts'
import { isStorable } from '../task/metadata-check.ts'
import { checkKey } from '../task/unique.ts'
import type { Message, RunFilter, RunRetry } from './runs.ts'
import { RUN_TRANSITIONS } from './runs.ts'

const LONGEST_NAME = 200
const MOST_NAMES = 1_000
const LARGEST_INT32 = 2_147_483_647
const FILTER: readonly (keyof RunFilter)[] = ['queue', 'workflow', 'status', 'parent']
const STATUSES = Object.keys(RUN_TRANSITIONS)

/** @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME` for a filter that no run could be meant by. */
export function checkRunFilter(where: string, filter: RunFilter): void {
  checkKnownOptions(where, filter, FILTER)
  const { queue, workflow, status, parent } = filter
  if (queue !== undefined) checkQueueName(queue)
  if (workflow !== undefined) checkName(where, 'workflow', workflow)
  if (parent !== undefined) checkName(where, 'parent', parent)
  if (status !== undefined && !STATUSES.includes(status)) {
    const near = didYouMean(String(status), STATUSES)
    throw new QError(
      'ERR_OPTION',
      `${where}: status must be one of ${STATUSES.join(', ')}, got ${show(status)}.${near === undefined ? '' : ` Did you mean "${near}"?`}`,
    )
  }
}

/** @throws QError `ERR_OPTION` for what no store can keep. */
export function checkMessage({ name }: Message, key: string | undefined): void {
  checkName('signal', 'name', name)
  if (key !== undefined) checkKey('signal: key', key)
}

/**
 * @param where `peek`, `receive` or `discard`.
 * @throws QError `ERR_OPTION` for names that no message can have.
 */
export function checkReceive(where: string, names: readonly string[]): void {
  checkInteger(where, 'the number of names', names.length, 0, MOST_NAMES)
  for (const name of names) checkName(where, 'a name', name)
}

/** @throws QError `ERR_OPTION` for counts that are none. */
export function checkJoins(where: string, joins: RunRetry['joins']): void {
  for (const join of joins)
    for (const count of ['arrived', 'done', 'failed'] as const)
      checkInteger(where, count, join[count], -LARGEST_INT32, LARGEST_INT32)
}

/** @throws QError `ERR_OPTION` for counts that are none. */
export function checkRetry({ retries, joins }: RunRetry): void {
  checkInteger('retryRun', 'retries', retries, 0, LARGEST_INT32)
  checkJoins('retryRun', joins)
}

function checkName(where: string, what: string, name: unknown): void {
  if (typeof name === 'string' && name.length > 0 && name.length <= LONGEST_NAME && isStorable(name)) return
  throw new QError(
    'ERR_OPTION',
    `${where}: ${what} must be a text of 1 to ${LONGEST_NAME} characters, without NUL or lone surrogates, got ${show(name)}.`,
  )
}
