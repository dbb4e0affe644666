/** Failures that look alike, counted by queue. */
import type { ErrorGroup, Page, PageRequest } from '../backend/visibility.ts'
import { fingerprintOf } from '../error-record.ts'
import type { ErrorRecord } from '../error-record.ts'
import type { TaskId } from '../task/task.ts'
import type { ListOrder } from './paging.ts'
import { pageOf, placedBefore } from './paging.ts'

type Counted = { -readonly [Name in keyof ErrorGroup]: ErrorGroup[Name] }

const FORGET_MS = 30 * 86_400_000
/** Beyond so many, those unseen for longest are forgotten early: messages can be made up by the thousand. */
const MOST_GROUPS = 10_000

const ORDER: ListOrder<ErrorGroup> = {
  list: 'listErrorGroups',
  like: [0, '', ''],
  placeOf: ({ lastAt, queue, fingerprint }) => [-lastAt, queue, fingerprint],
  before: placedBefore,
}

/** What groups an error, also one whose record does not say. */
export function groupOf(error: ErrorRecord): string {
  return error.fingerprint ?? fingerprintOf(error)
}

/** The error groups of one memory backend. */
export class ErrorGroups {
  /** The longest unseen first. */
  readonly #groups = new Map<string, Counted>()

  /** Counts a failed attempt. */
  count(queue: string, task: TaskId, error: ErrorRecord, now: number): void {
    const fingerprint = groupOf(error)
    const key = `${queue} ${fingerprint}`
    const known = this.#groups.get(key)
    this.#groups.delete(key)
    this.#groups.set(key, {
      fingerprint,
      queue,
      name: error.name,
      message: error.message,
      firstAt: known?.firstAt ?? now,
      lastAt: now,
      count: (known?.count ?? 0) + 1,
      sample: task,
    })
    this.#forget(now)
  }

  /**
   * The latest first.
   * @throws QError `ERR_OPTION`
   */
  list(queue: string | undefined, page: PageRequest | undefined, now: number): Page<ErrorGroup> {
    this.#forget(now)
    const groups = [...this.#groups.values()].filter((group) => queue === undefined || group.queue === queue)
    return pageOf(groups, page, ORDER, (group) => ({ ...group }))
  }

  #forget(now: number): void {
    for (const [key, { lastAt }] of this.#groups) {
      if (this.#groups.size <= MOST_GROUPS && lastAt > now - FORGET_MS) return
      this.#groups.delete(key)
    }
  }
}
