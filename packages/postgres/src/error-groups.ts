/** Pages of failures that look alike. */
import type { ErrorGroup, Page, PageRequest } from '@q/core'
import { queueOfFilter } from '@q/core'
import type { Run } from './connection/run.ts'
import { isMicros, isText, readPage, writeCursor } from './cursor.ts'
import { groupsQuery, rollWhenLongQuery } from './query/statistics.ts'

type After = { readonly at: string; readonly queue: string; readonly fingerprint: string }
const SHAPE = { at: isMicros, queue: isText, fingerprint: isText }

/**
 * One page of groups, see `ListErrorGroups`.
 * @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME`
 */
export async function listErrorGroups(
  run: Run,
  schema: string,
  filter?: { readonly queue?: string },
  page?: PageRequest,
): Promise<Page<ErrorGroup>> {
  const queue = queueOfFilter('listErrorGroups', filter)
  const { limit, after } = readPage<After>('listErrorGroups', page, SHAPE)
  await run(rollWhenLongQuery(schema), 'list error groups')
  const rows = await run(groupsQuery(schema, queue ?? null, after ?? null, limit + 1), 'list error groups')
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const more = rows.length > limit && last !== undefined
  return {
    items: shown.map((row) => ({
      fingerprint: row.fingerprint,
      queue: row.queue,
      name: row.name,
      message: row.message,
      firstAt: row.first_at,
      lastAt: row.last_at,
      count: Number(row.n),
      sample: row.sample,
    })),
    next: more
      ? writeCursor('listErrorGroups', { at: last.last_us, queue: last.queue, fingerprint: last.fingerprint })
      : null,
  }
}
