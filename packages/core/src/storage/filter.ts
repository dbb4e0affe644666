/** Which tasks and which page, as readers of one queue ask. */
import type { PageRequest, TaskFilter } from '../backend/visibility.ts'
import { QError } from '../error.ts'
import { checkInteger, checkKnownOptions } from '../options.ts'
import { show } from '../show.ts'
import { checkMoment } from '../task/moment.ts'
import type { Status } from '../task/status.ts'
import { STATUSES } from '../task/status.ts'

/** The most entries of one page. */
const MAX_PAGE = 200

/** Which tasks of a queue. Everything given must hold; nothing given is every task. */
export interface ListFilter {
  /** One status, or `scheduled`: `pending` and not yet due. */
  readonly status?: Status | 'scheduled'
  /** Fingerprint of the last error, as in `errorGroups()`. */
  readonly fingerprint?: string
  /** Pushed at or after this moment. */
  readonly createdFrom?: Date | number
  /** Pushed before this moment. */
  readonly createdTo?: Date | number
}

const FILTER = ['status', 'fingerprint', 'createdFrom', 'createdTo'] as const satisfies readonly (keyof ListFilter)[]
const KNOWN_STATUSES: readonly string[] = [...STATUSES, 'scheduled']

/** @throws QError `ERR_OPTION` */
export function checkFilter(where: string, queue: string, filter: ListFilter): TaskFilter {
  checkKnownOptions(where, filter, FILTER)
  const { status, fingerprint, createdFrom, createdTo } = filter
  if (status !== undefined && !KNOWN_STATUSES.includes(status))
    throw new QError('ERR_OPTION', `${where}: status must be one of ${KNOWN_STATUSES.join(', ')}, got ${show(status)}.`)
  if (fingerprint !== undefined && typeof fingerprint !== 'string')
    throw new QError('ERR_OPTION', `${where}: fingerprint must be a string, got ${show(fingerprint)}.`)
  return {
    queue,
    ...(status === undefined ? {} : { status }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(createdFrom === undefined ? {} : { createdFrom: checkMoment(where, 'createdFrom', createdFrom) }),
    ...(createdTo === undefined ? {} : { createdTo: checkMoment(where, 'createdTo', createdTo) }),
  }
}

/** @throws QError `ERR_OPTION` */
export function checkPage(where: string, page: PageRequest): PageRequest {
  checkKnownOptions(where, page, ['limit', 'cursor'] satisfies readonly (keyof PageRequest)[])
  if (page.limit !== undefined) checkInteger(where, 'limit', page.limit, 1, MAX_PAGE)
  if (page.cursor !== undefined && typeof page.cursor !== 'string')
    throw new QError('ERR_OPTION', `${where}: cursor must be the "next" of the page before, got ${show(page.cursor)}.`)
  return page
}
