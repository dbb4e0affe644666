/** What handlers say while they work: how far they are, and lines. */
import { checkLogRead, checkReports } from '../backend/arguments.ts'
import type { LogLine, TaskReport } from '../backend/visibility.ts'
import type { TaskId } from '../task/task.ts'
import type { Engine } from './engine.ts'
import { NONE } from './row.ts'

/** Lines kept of one task. */
const KEPT_LINES = 1_000

/** See `Report`. */
export function report(engine: Engine, reports: readonly TaskReport[]): void {
  checkReports(reports)
  for (const { id, token, progress, lines } of reports) {
    const row = engine.store.get(id)
    if (row === undefined) continue
    if (progress !== undefined && row.token === token) row.progress = { ...progress }
    for (const line of lines) {
      const stored = { ...line, seq: String(Number(row.lines.at(-1)?.seq ?? 0) + 1) }
      if (row.lines === NONE) row.lines = [stored]
      else if (row.lines.push(stored) > KEPT_LINES) row.lines.shift()
    }
  }
}

/**
 * See `Report`.
 * @throws QError `ERR_OPTION`
 */
export function readLog(
  engine: Engine,
  id: TaskId,
  options?: { readonly after?: string; readonly limit?: number },
): LogLine[] {
  const { after, limit } = checkLogRead(options)
  const lines = engine.store.get(id)?.lines ?? []
  const from = after === undefined ? 0 : lines.findIndex(({ seq }) => Number(seq) > Number(after))
  return from < 0 ? [] : lines.slice(from, from + limit).map((line) => ({ ...line }))
}
