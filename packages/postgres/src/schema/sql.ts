/** Turns the SQL texts of this folder into statements for one schema. */
import { QError } from '@q/core'

/** Default name of the schema. */
export const DEFAULT_SCHEMA = 'q'

/** Room for suffixes within Postgres's 63 bytes of a name. */
const SCHEMA_NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,49}$/

/**
 * Returns the schema name, or throws.
 * @throws QError `ERR_OPTION`
 */
export function checkSchemaName(name: unknown): string {
  if (typeof name === 'string' && SCHEMA_NAME.test(name) && !name.startsWith('pg_')) return name
  throw new QError(
    'ERR_OPTION',
    `schema must be 1 to 50 letters, digits, "_" or "-", not starting with a digit or "pg_", got ${typeof name === 'string' ? JSON.stringify(name.slice(0, 80)) : String(name)}.`,
  )
}

/** The name as a quoted identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** The channel on which a schema announces queues that have work. */
export function wakeChannel(schema: string): string {
  return `${schema}:wake`
}

/** Starts a payload that announces news for the workers of a queue instead of work. No queue name holds it. */
export const NEWS_MARK = '!'

/**
 * Functions run with their own search path, so that nothing in the caller's can be picked up instead, and with
 * generic plans: with their arrays' true lengths in sight plpgsql would plan anew in each call, which costs a
 * single push three times what the push itself does. Functions that look tasks up also pin the plan: on a table
 * that was filled a second ago and never analysed the planner would otherwise sort or hash the whole backlog for
 * every batch. What is pinned looks dear to the planner, and dear plans would be compiled in each call: no JIT.
 *
 * A plan that was made while a table was nearly empty stays with its session, and to read all of an index with one page
 * looks cheaper than a few look-ups. So rows of a list of ids are found in ways that leave the planner no choice:
 * `v.id = any (array[s.id])` where they are changed or locked (`v.id = s.id` might be a merge, for which all of an index is
 * read in order), `cross join lateral (… offset 0)` or `exists (… offset 0)` where they are only read.
 */
export function inSchema(text: string, schema: string): string {
  const plain = `set search_path = ${quoteIdentifier(schema)}, pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set jit = off`
  const pinned = `${plain} set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = off`
  return text
    .replaceAll('%PINNED%', pinned)
    .replaceAll('%PLAIN%', plain)
    .replaceAll('%CHANNEL%', `'${wakeChannel(schema)}'`)
    .replaceAll('%NEWS%', `'${NEWS_MARK}'`)
}
