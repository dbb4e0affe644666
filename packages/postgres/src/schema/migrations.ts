/**
 * The ordered list of what makes the schema, as plain SQL that can be read, listed and run by hand.
 *
 * A migration is never edited once released. One that old workers cannot live with is `breaking`.
 */
import { claim } from './claim.ts'
import { control } from './control.ts'
import { counters } from './counters.ts'
import { enqueue } from './enqueue.ts'
import { events } from './events.ts'
import { follow } from './follow.ts'
import { keyed } from './keyed.ts'
import { lease } from './lease.ts'
import { limit } from './limit.ts'
import { listing } from './listing.ts'
import { mailbox } from './mailbox.ts'
import { overview } from './overview.ts'
import { pages } from './pages.ts'
import { push } from './push.ts'
import { removal } from './removal.ts'
import { reports } from './reports.ts'
import { runEnd } from './run-end.ts'
import { runReads } from './run-reads.ts'
import { runRemoval } from './run-removal.ts'
import { runTables } from './run-tables.ts'
import { runs } from './runs.ts'
import { settleSteps } from './settle-steps.ts'
import { settle } from './settle.ts'
import { checkSchemaName, DEFAULT_SCHEMA, inSchema, quoteIdentifier } from './sql.ts'
import { statistics } from './statistics.ts'
import { steps } from './steps.ts'
import { sweep } from './sweep.ts'
import { tables } from './tables.ts'

interface MigrationSource {
  readonly version: number
  readonly name: string
  readonly breaking: boolean
  readonly text: string
}

const SOURCES: readonly MigrationSource[] = [
  {
    version: 1,
    name: 'initial',
    breaking: true,
    text: [
      tables,
      counters,
      runTables,
      push,
      keyed,
      enqueue,
      claim,
      settle,
      follow,
      runEnd,
      steps,
      settleSteps,
      lease,
      sweep,
      control,
      removal,
      limit,
      statistics,
      listing,
      overview,
      reports,
      events,
      runReads,
      runs,
      runRemoval,
      mailbox,
      pages,
    ].join('\n'),
  },
]

/** One step of the schema, ready to run. */
export interface Migration {
  /** 1, 2, 3 …; the schema's version is the largest that was run. */
  readonly version: number
  readonly name: string
  /** Workers of earlier versions refuse to work once this has run. */
  readonly breaking: boolean
  /** SQL text of the step for one schema; runs inside a transaction whose search path is that schema. */
  readonly sql: string
}

/**
 * Every migration in order, for tools that want to see or run the SQL themselves.
 * @throws QError `ERR_OPTION` for an illegal schema name.
 */
export function migrations(options: { readonly schema?: string } = {}): readonly Migration[] {
  const schema = checkSchemaName(options.schema ?? DEFAULT_SCHEMA)
  return SOURCES.map(({ version, name, breaking, text }) => ({
    version,
    name,
    breaking,
    sql: `set local search_path = ${quoteIdentifier(schema)}, pg_catalog;\n${inSchema(text, schema)}`,
  }))
}

/** The schema version this package works with. */
export const SCHEMA_VERSION: number = SOURCES.at(-1)!.version
