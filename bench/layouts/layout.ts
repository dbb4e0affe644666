/** What a storage layout answers; the harness in run.ts knows nothing else about it. */

export const schema = 'layouts_bench'

/** Settings that pin the plan of a hot statement, whatever the statistics say. */
export const allPins: readonly string[] = [
  'enable_seqscan=off',
  'enable_bitmapscan=off',
  'enable_sort=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'plan_cache_mode=force_generic_plan',
]

export type Form = 'function' | 'named' | 'unnamed'

export interface Options {
  /** function: plpgsql with pinned plan; named: prepared plain SQL; unnamed: plain SQL planned on each call */
  form?: Form
  pins?: readonly string[]
  /** set the pins on the connection instead (to tell the function's cost from the pins' effect) */
  sessionPins?: boolean
  fillfactor?: number
  idType?: 'uuid' | 'int8'
  /** index on the table of finished tasks */
  outcomeIndex?: 'btree' | 'brin' | 'none'
  /** write one claim row per claimed batch (body-live-outcome only) */
  claimRow?: boolean
  /** settle finds the row by ctid, checked by id and token (body-live-outcome only) */
  byTid?: boolean
}

/** All hot statements have the same parameters in all layouts. */
export const parameters = {
  push: [
    ['p_ids', 'ID[]'],
    ['p_lane', 'int4'],
    ['p_delay', 'int8'],
    ['p_payloads', 'bytea[]'],
  ],
  claim: [
    ['p_lanes', 'int4[]'],
    ['p_lows', 'timestamptz[]'],
    ['p_lowids', 'ID[]'],
    ['p_n', 'int4'],
    ['p_instance', 'int4'],
  ],
  settle: [
    ['p_ids', 'ID[]'],
    ['p_tokens', 'int8[]'],
    ['p_elapsed', 'int4[]'],
    ['p_results', 'bytea[]'],
    ['p_finished', 'int8[]'],
    ['p_tids', 'tid[]'],
  ],
  fail: [
    ['p_ids', 'ID[]'],
    ['p_tokens', 'int8[]'],
    ['p_delays', 'int8[]'],
    ['p_errors', 'text[]'],
  ],
  cancel: [['p_ids', 'ID[]']],
  running: [],
  recover: [['p_instance', 'int4']],
} as const satisfies Record<string, readonly (readonly [string, string])[]>

export type Operation = keyof typeof parameters

const returns: Record<Operation, string> = {
  push: 'n int8',
  claim: 'id ID, token int8, attempt int2, payload bytea, run_at timestamptz, tid tid',
  settle: 'n int8',
  fail: 'n int8',
  cancel: 'n int8',
  running: 'id ID, token int8, attempt int2, instance int4',
  recover: 'n int8',
}

export interface Layout {
  name: string
  about: string
  /** tables and indexes */
  tables: (o: Options) => string
  /** one plain SQL statement per operation, written with the parameter names above */
  sql: (o: Options) => Record<Operation, string>
  /** SQL that inserts n finished tasks / n tasks scheduled for later, for the harness */
  fill: (o: Options) => { finished: (n: number) => string; scheduled: (n: number) => string }
  /** the raw references settle and claim in one plain statement instead of in one function */
  fusedSql?: string
}

export interface Statement {
  text: string
  /** which of the parameters the text uses, in order */
  uses: number[]
}

export interface Built {
  ddl: string
  statements: Record<Operation | 'fused', Statement>
  form: Form
}

function typed(text: string, o: Options): string {
  return text.replaceAll(/\bID\b/g, o.idType ?? 'uuid')
}

type Parameters = readonly (readonly [string, string])[]

function positional(sql: string, list: Parameters): Statement {
  let text = sql
  const uses: number[] = []
  list.forEach(([name, type], i) => {
    const replaced = text.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `$${uses.length + 1}::${type}`)
    if (replaced !== text) uses.push(i)
    text = replaced
  })
  return { text, uses }
}

export function build(layout: Layout, o: Options): Built {
  const form = o.form ?? 'function'
  const pins = (o.pins ?? allPins).map((p) => ` set ${p.replace('=', ' = ')}`).join('')
  const sql = layout.sql(o)
  const operations = Object.keys(parameters) as Operation[]
  const fusedParameters = [...parameters.settle, ...parameters.claim]
  const statements = {} as Record<Operation | 'fused', Statement>
  let ddl = layout.tables(o)
  const define = (name: string, list: Parameters, table: string, body: string): Statement => {
    const uses = list.flatMap(([p], i) => (p === 'p_tids' && o.byTid !== true ? [] : [i]))
    const args = uses.map((i) => list[i]!)
    ddl += `\ncreate function ${schema}.${name}(${args.map((p) => p.join(' ')).join(', ')}) returns table(${table})
language plpgsql volatile${pins} as $fn$
#variable_conflict use_column
${body}
$fn$;\n`
    return {
      text: `select * from ${schema}.${name}(${args.map((_, i) => `$${i + 1}`).join(', ')})`,
      uses,
    }
  }
  for (const op of operations) {
    statements[op] =
      form === 'function' && layout.fusedSql === undefined
        ? define(op, parameters[op], returns[op], `begin return query ${sql[op]}; end`)
        : positional(sql[op], parameters[op])
  }
  if (layout.fusedSql !== undefined) {
    statements.fused = positional(layout.fusedSql, fusedParameters)
  } else if (form === 'function') {
    // two statements, one transaction, one round trip
    const settle = sql.settle.replace(/select count\(\*\) from d$/, 'select count(*) into settled from d')
    statements.fused = define(
      'fused',
      fusedParameters,
      returns.claim,
      `declare settled int8; begin ${settle}; return query ${sql.claim}; end`,
    )
  }
  for (const statement of Object.values(statements)) statement.text = typed(statement.text, o)
  return { ddl: typed(ddl, o), statements, form }
}

/** The rows to claim, in order: one ordered range scan per lane, lanes in the order given. */
export function pick(table: string, claimable: string): string {
  return `select c.tid from unnest(p_lanes, p_lows, p_lowids) q(lane, low, lowid) cross join lateral (
    select x.ctid as tid from ${schema}.${table} x
    where x.lane = q.lane and (x.run_at, x.id) >= (q.low, q.lowid) and x.run_at <= now()${claimable}
    order by x.run_at, x.id limit p_n for update skip locked) c limit p_n`
}

/** a time-ordered id made in SQL, older than all ids of the harness */
export function sqlId(o: Options): string {
  return (o.idType ?? 'uuid') === 'uuid' ? `('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid` : 'i::int8'
}
