/** Keeps what handlers say while they work, and reads it back. */
import type { LogLine, TaskId, TaskReport } from '@q/core'
import { checkLogRead, checkReports } from '@q/core'
import type { Run } from './connection/run.ts'
import { isToken, isUuid } from './cursor.ts'
import type { ProgressEntry } from './query/report.ts'
import { LEVELS, linesQuery, reportQuery } from './query/report.ts'
import { LINES_KEPT } from './schema/reports.ts'

/**
 * Keeps progress and lines, one statement per call, see `Report`.
 * @throws QError `ERR_OPTION`
 */
export async function report(run: Run, schema: string, reports: readonly TaskReport[]): Promise<void> {
  // Of two reports of one task under one token the later one counts; under another token either may be current.
  checkReports(reports)
  const known = reports.filter(({ id }) => isUuid(id))
  const said = new Map<string, ProgressEntry>()
  for (const { id, token, progress } of known)
    if (progress !== undefined && isToken(token)) said.set(`${id} ${token}`, { id, token, progress })
  const lines = known.flatMap(({ id, lines: spoken }) => spoken.map((line) => ({ id, line })))
  if (said.size > 0 || lines.length > 0) await run(reportQuery(schema, [...said.values()], lines), 'keep reports')
}

/**
 * Lines of a task in order.
 * @throws QError `ERR_OPTION`
 */
export async function readLog(
  run: Run,
  schema: string,
  id: TaskId,
  options?: { readonly after?: string; readonly limit?: number },
): Promise<readonly LogLine[]> {
  const { after, limit } = checkLogRead(options)
  if (!isUuid(id)) return []
  const rows = await run(linesQuery(schema, id, after ?? null, limit, LINES_KEPT), 'read a log')
  return rows.map((row) => ({
    seq: row.seq,
    attempt: row.attempt,
    level: LEVELS[row.level] ?? 'info',
    at: row.at,
    message: row.message,
    fields: row.fields,
  }))
}
