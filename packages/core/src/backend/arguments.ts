/**
 * Checks what the methods of a backend are given, before anything is asked of a store: the same mistake has the same error
 * on each. Public, for authors of backends.
 */
import { checkQueueName } from '../contract/queue-name.ts'
import { QError } from '../error.ts'
import { checkInteger, checkKnownOptions, checkNumber, didYouMean } from '../options.ts'
import { show } from '../show.ts'
import { checkMetadata, isStorable } from '../task/metadata-check.ts'
import { checkMaxAttempts, checkPriority } from '../task/push-options.ts'
import { STATUSES } from '../task/status.ts'
import type { Due } from '../task/task.ts'
import type { LimitRequest, TaskChange } from './control.ts'
import type { LogLevel, MetricRequest, TaskFilter, TaskReport } from './visibility.ts'

/** The moments of a `Date`. */
const LATEST_MS = 8_640_000_000_000_000
/** Of what a store can keep as a moment: 4,000 years before the first. */
const EARLIEST_KEPT_MS = -200_000_000_000_000
/** Statistics begin in 1970 and end in 5138. */
const LATEST_METRIC_MS = 1e14
const LONGEST_SPAN_MS = 1e14
const LONGEST_REASON = 500
const LONGEST_KEY = 500
const LONGEST_LINE = 4_096
const MOST_LIMIT = 1_000_000
const LONGEST_PERIOD_MS = 366 * 86_400_000
const MOST_LINES = 1_000
const DEFAULT_LINES = 200
const LARGEST_INT16 = 32_767
const FILTER: readonly (keyof TaskFilter)[] = ['queue', 'status', 'fingerprint', 'createdFrom', 'createdTo']
const WORDS: readonly string[] = [...STATUSES, 'scheduled']
const STEPS: readonly MetricRequest['step'][] = ['minute', 'hour', 'day']
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME` for a filter that no task could be meant by. */
export function checkTaskFilter(where: string, filter: TaskFilter): void {
  checkKnownOptions(where, filter, FILTER)
  if (filter.queue !== undefined) checkQueueName(filter.queue)
  if (filter.fingerprint !== undefined) checkText(where, 'fingerprint', filter.fingerprint, LONGEST_KEY)
  for (const name of ['createdFrom', 'createdTo'] as const)
    if (filter[name] !== undefined) checkNumber(where, name, filter[name], -LATEST_MS, LATEST_MS)
  if (filter.status !== undefined) checkWord(where, 'status', filter.status, WORDS)
}

/**
 * The queue that a list is narrowed to.
 * @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME`
 */
export function queueOfFilter(
  where: string,
  filter: { readonly queue?: string | undefined } | undefined,
): string | undefined {
  const given = filter ?? {}
  checkKnownOptions(where, given, ['queue'])
  return given.queue === undefined ? undefined : checkQueueName(given.queue)
}

/** @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME` */
export function checkMetricRequest(request: MetricRequest): void {
  checkKnownOptions('metrics', request, ['queue', 'from', 'to', 'step'] satisfies readonly (keyof MetricRequest)[])
  if (request.queue !== undefined) checkQueueName(request.queue)
  for (const name of ['from', 'to'] as const) checkNumber('metrics', name, request[name], 0, LATEST_METRIC_MS)
  checkWord('metrics', 'step', request.step, STEPS)
}

/**
 * Which lines of a log, with the default for what is not said.
 * @throws QError `ERR_OPTION`
 */
export function checkLogRead(options: { readonly after?: string; readonly limit?: number } = {}): {
  readonly after: string | undefined
  readonly limit: number
} {
  checkKnownOptions('readLog', options, ['after', 'limit'])
  const { after, limit = DEFAULT_LINES } = options
  checkInteger('readLog', 'limit', limit, 1, MOST_LINES)
  if (after !== undefined && !(typeof after === 'string' && /^\d{1,18}$/.test(after)))
    throw new QError('ERR_OPTION', `readLog: after must be the seq of a line, got ${show(after)}.`)
  return { after, limit }
}

/** @throws QError `ERR_OPTION` for what no store can keep. */
export function checkReports(reports: readonly TaskReport[]): void {
  for (const { progress, lines } of reports) {
    if (progress !== undefined) {
      const { done, total, note } = progress
      checkNumber('report', 'done', done, -Number.MAX_VALUE, Number.MAX_VALUE)
      if (total !== null) checkNumber('report', 'total', total, -Number.MAX_VALUE, Number.MAX_VALUE)
      if (note !== null) checkText('report', 'note', note, LONGEST_LINE)
    }
    for (const { attempt, level, message, fields, at } of lines) {
      checkInteger('report', 'attempt', attempt, 0, LARGEST_INT16)
      checkWord('report', 'level', level, LEVELS)
      checkText('report', 'message', message, LONGEST_LINE)
      if (fields !== null) checkText('report', 'fields', fields, LONGEST_LINE)
      checkNumber('report', 'at', at, EARLIEST_KEPT_MS, LATEST_MS)
    }
  }
}

/** @throws QError `ERR_OPTION` */
export function checkChange(change: TaskChange): void {
  const { priority, maxAttempts, metadata, due, timeoutMs, deadline } = change
  if (priority !== undefined) checkPriority('update', priority)
  if (maxAttempts !== undefined && maxAttempts !== null) checkMaxAttempts('update', maxAttempts)
  if (metadata !== undefined && metadata !== null) checkMetadata('update', metadata)
  if (due !== undefined) checkDueMoment('due', due)
  if (timeoutMs !== undefined && timeoutMs !== null) checkNumber('update', 'timeoutMs', timeoutMs, 0, LONGEST_SPAN_MS)
  if (deadline !== undefined && deadline !== null) checkDueMoment('deadline', deadline)
}

/** @throws QError `ERR_OPTION` */
export function checkLimitRequests(requests: readonly LimitRequest[]): void {
  for (const request of requests) {
    checkText('acquire', 'key', request.key, LONGEST_KEY)
    checkInteger('acquire', 'limit', request.limit, 1, MOST_LIMIT)
    if (request.kind === 'rate') checkInteger('acquire', 'periodMs', request.periodMs, 1, LONGEST_PERIOD_MS)
  }
}

/**
 * What a person said, cut and made storable.
 * @throws QError `ERR_OPTION` for what is no text.
 */
export function storableReason(where: string, name: string, text: unknown): string {
  if (typeof text === 'string') return text.slice(0, LONGEST_REASON).toWellFormed().replaceAll('\0', '\uFFFD')
  throw new QError('ERR_OPTION', `${where}: ${name} must be a text, got ${show(text)}.`)
}

function checkDueMoment(name: string, due: Due): void {
  if ('at' in due) checkNumber('update', name, due.at, EARLIEST_KEPT_MS, LATEST_MS)
  else checkNumber('update', name, due.afterMs, -LONGEST_SPAN_MS, LONGEST_SPAN_MS)
}

function checkText(where: string, name: string, text: unknown, longest: number): void {
  if (typeof text === 'string' && text.length <= longest && isStorable(text)) return
  throw new QError(
    'ERR_OPTION',
    `${where}: ${name} must be a text of at most ${longest} characters, without NUL or lone surrogates, got ${show(text)}.`,
  )
}

function checkWord(where: string, name: string, word: unknown, known: readonly string[]): void {
  if (typeof word === 'string' && known.includes(word)) return
  const near = typeof word === 'string' ? didYouMean(word, known) : undefined
  throw new QError(
    'ERR_OPTION',
    `${where}: ${name} must be one of ${known.join(', ')}, got ${show(word)}.${near === undefined ? '' : ` Did you mean "${near}"?`}`,
  )
}
