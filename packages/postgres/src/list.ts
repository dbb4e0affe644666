/** Pages of tasks: which index answers a filter, and how the part that is under way and the part that ended follow one another. */
import type { Page, PageRequest, StoredTask, TaskFilter } from '@q/core'
import { checkTaskFilter } from '@q/core'
import type { Run } from './connection/run.ts'
import { isMicros, isUuid, readPage, writeCursor } from './cursor.ts'
import type { ListedRow, SourceRequest } from './query/list.ts'
import { listQuery } from './query/list.ts'
import { partsOf } from './filter.ts'
import { toStoredTask } from './row.ts'

type After = { readonly part: number; readonly at: string; readonly id: string }
const SHAPE = {
  part: (value: unknown): value is number => value === 0 || value === 1,
  at: isMicros,
  id: isUuid,
}

/**
 * One page of tasks, see `ListTasks`.
 * @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME`
 */
export async function listTasks(
  run: Run,
  schema: string,
  filter: TaskFilter,
  page: PageRequest | undefined,
): Promise<Page<StoredTask>> {
  checkTaskFilter('listTasks', filter)
  const { limit, after } = readPage<After>('listTasks', page, SHAPE)
  const parts = partsOf(filter)
  const items: StoredTask[] = []
  for (const [at, part] of parts.entries()) {
    const number = part.ended ? 1 : 0
    if (after !== undefined && number < after.part) continue
    const from = after?.part === number ? after : part.start
    const request: SourceRequest = { ...part.request, after: from, limit: limit - items.length }
    const rows = await run(listQuery(schema, request), 'list tasks')
    for (const row of rows) {
      if (!isTask(row)) return { items, next: writeCursor('listTasks', { part: number, at: row.at_us, id: row.id }) }
      items.push(toStoredTask(row))
    }
    const follows = at + 1 < parts.length
    if (follows && items.length === limit) return { items, next: writeCursor('listTasks', START_OF_ENDED) }
  }
  return { items, next: null }
}

/** Before the first of what ended: later than anything. */
const START_OF_ENDED: After = { part: 1, at: '9000000000000000000', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' }

function isTask(row: ListedRow): row is Extract<ListedRow, { queue: string }> {
  return row.queue !== null
}
