/** Which indexes answer a filter of tasks. */
import type { TaskFilter } from '@q/core'
import type { SourceRequest } from './query/list.ts'

/** Entries whose state is looked at by one call. */
const LOOK = 10_000
/** Entries of which a call reads more: the error, which may be large, or the task. */
const CHECK_ERRORS = 750
const CHECK_TASKS = 250

const STATE = { pending: 0, queued: 1, running: 2, failed: 3, done: 4, killed: 5, cancelled: 6 } as const

/** One of the two parts of a list: tasks that have not ended, then those that did. */
export interface Part {
  readonly ended: boolean
  /** Where the part starts. */
  readonly start: 'now' | null
  readonly request: Omit<SourceRequest, 'after' | 'limit'>
}

/** The parts that a filter asks for, in the order of the list. */
export function partsOf(filter: TaskFilter): readonly Part[] {
  const { status, fingerprint } = filter
  const created = filter.createdFrom !== undefined || filter.createdTo !== undefined
  const common = {
    queue: filter.queue ?? null,
    fingerprint: fingerprint ?? null,
    createdFrom: storable(filter.createdFrom),
    createdTo: storable(filter.createdTo),
    look: LOOK,
    check: created ? CHECK_TASKS : CHECK_ERRORS,
  }
  const part = (ended: boolean, source: SourceRequest['source'], states: readonly number[] | null): Part => ({
    ended,
    start: status === 'scheduled' ? 'now' : null,
    request: { ...common, source, states },
  })
  // A task without an error has no fingerprint, so the indexes of those with one suffice.
  const live = fingerprint === undefined ? 'list_live' : 'list_error'
  switch (status) {
    case undefined:
      return [
        part(false, live, null),
        fingerprint === undefined
          ? part(true, 'list_ended', null)
          : part(true, 'list_bad', [STATE.killed, STATE.cancelled]),
      ]
    case 'scheduled':
      return [part(false, live, [STATE.pending])]
    case 'pending':
      return [part(false, live, [STATE.pending])]
    case 'queued':
    case 'running':
      return [part(false, 'list_held', [STATE[status]])]
    case 'failed':
      return [part(false, 'list_error', [STATE.failed])]
    case 'done':
      return [part(true, 'list_ended', [STATE.done])]
    default:
      return [part(true, 'list_bad', [STATE[status]])]
  }
}

/** Nothing was pushed before 1970, and Postgres knows no moment as early as the earliest `Date`. */
function storable(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.max(0, ms)
}
