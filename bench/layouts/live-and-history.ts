import { type Layout, pick, schema as s, sqlId } from './layout.ts'

const outcomeIndex = (kind: string | undefined, table: string): string =>
  kind === 'none'
    ? ''
    : kind === 'brin'
      ? `create index on ${s}.${table} using brin (id) with (pages_per_range = 16, autosummarize = on);`
      : `alter table ${s}.${table} add primary key (id);`

/** E: a live table and a history table; the claim is a HOT update, settle moves the whole row. */
export const liveAndHistory: Layout = {
  name: 'E live-and-history',
  about:
    'live table + history table; the claim touches no indexed column (HOT), settle = delete + insert of the full row',
  tables: (o) => `
create sequence ${s}.claim_token;
create table ${s}.task (
  id ID primary key, lane int4 not null, run_at timestamptz not null, token int8 not null default 0,
  attempt int2 not null default 0, crashes int2 not null default 0, state int2 not null default 0, max_attempts int2 not null default 25,
  instance int4, created_at timestamptz not null default now(),
  codec text not null default 'json', payload bytea, meta jsonb, checkpoint jsonb) with (fillfactor = ${o.fillfactor ?? 50});
create index task_claim on ${s}.task (lane, run_at, id);
create table ${s}.history (
  id ID not null, lane int4 not null, run_at timestamptz not null, token int8 not null,
  attempt int2 not null, crashes int2 not null, status int2 not null, max_attempts int2 not null,
  instance int4, created_at timestamptz not null, started_at timestamptz, finished_at timestamptz,
  codec text not null, payload bytea, meta jsonb, checkpoint jsonb, result bytea, error jsonb);
${outcomeIndex(o.outcomeIndex, 'history')}`,
  sql: () => ({
    push: `with i as (insert into ${s}.task (id, lane, run_at, payload)
      select u.id, p_lane, now() + p_delay * interval '1 ms', u.payload from unnest(p_ids, p_payloads) u(id, payload) returning 1) select count(*) from i`,
    claim: `with k as materialized (select nextval('${s}.claim_token') as token)
      update ${s}.task t set state = 1, token = (select token from k), attempt = t.attempt + 1, instance = p_instance
      where t.ctid = any(array(${pick('task', ' and x.state = 0')}))
      returning t.id, t.token, t.attempt, t.payload, t.run_at, null::tid`,
    settle: `with d as (delete from ${s}.task t
      using unnest(p_ids, p_tokens, p_elapsed, p_results) u(id, token, elapsed, result)
      where t.id = u.id and t.token = u.token and t.state = 1 returning t.*, u.elapsed, u.result),
      i as (insert into ${s}.history select d.id, d.lane, d.run_at, d.token, d.attempt, d.crashes, 1, d.max_attempts, d.instance, d.created_at,
        now() - d.elapsed * interval '1 ms', now(), d.codec, d.payload, d.meta, d.checkpoint, d.result, null from d)
      select count(*) from d`,
    fail: `with d as (update ${s}.task t set state = 0, run_at = now() + u.delay * interval '1 ms', checkpoint = u.error::jsonb
      from unnest(p_ids, p_tokens, p_delays, p_errors) u(id, token, delay, error)
      where t.id = u.id and t.token = u.token and t.state = 1 returning 1) select count(*) from d`,
    cancel: `with f as (update ${s}.task t set state = 3 where t.id = any(p_ids) and t.state = 1 returning 1),
      d as (delete from ${s}.task t where t.id = any(p_ids) and t.state = 0 returning t.*),
      i as (insert into ${s}.history select d.id, d.lane, d.run_at, d.token, d.attempt, d.crashes, 4, d.max_attempts, d.instance, d.created_at,
        null, now(), d.codec, d.payload, d.meta, d.checkpoint, null, null from d)
      select (select count(*) from d) + (select count(*) from f)`,
    running: `select t.id, t.token, t.attempt, t.instance from ${s}.task t where t.state in (1, 3)`,
    recover: `with d as (update ${s}.task t set state = 0, crashes = t.crashes + 1, run_at = now() where t.state in (1, 3) and t.instance = p_instance returning 1) select count(*) from d`,
  }),
  fill: (o) => ({
    finished: (
      n,
    ) => `insert into ${s}.history (id, lane, run_at, token, attempt, crashes, status, max_attempts, created_at, started_at, finished_at, codec, payload)
      select ${sqlId(o)}, 1, now() - interval '1 day', 1, 1, 0, 1, 25, now(), now(), now(), 'json', convert_to(repeat('x', 100), 'utf8') from generate_series(1, ${n}) i`,
    scheduled: (n) => `insert into ${s}.task (id, lane, run_at, payload)
      select ${sqlId(o)}, 1, now() + interval '1 day' + i * interval '1 ms', convert_to(repeat('x', 100), 'utf8') from generate_series(1, ${n}) i`,
  }),
}
