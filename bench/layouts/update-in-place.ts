import { type Layout, pick, schema as s, sqlId } from './layout.ts'

/** A: one table; claim and settle update the row where it is. */
export const updateInPlace: Layout = {
  name: 'A update-in-place',
  about: 'one table, UPDATE at claim and at settle, partial index on the claimable rows',
  tables: (o) => `
create sequence ${s}.claim_token;
create table ${s}.task (
  id ID primary key, lane int4 not null, run_at timestamptz not null, token int8 not null default 0,
  attempt int2 not null default 0, crashes int2 not null default 0, state int2 not null default 0, max_attempts int2 not null default 25,
  instance int4, created_at timestamptz not null default now(), started_at timestamptz, finished_at timestamptz,
  codec text not null default 'json', payload bytea, meta jsonb, checkpoint jsonb, result bytea, error jsonb) with (fillfactor = ${o.fillfactor ?? 100});
create index task_claim on ${s}.task (lane, run_at, id) where state = 0;`,
  sql: () => ({
    push: `with i as (insert into ${s}.task (id, lane, run_at, payload)
      select u.id, p_lane, now() + p_delay * interval '1 ms', u.payload from unnest(p_ids, p_payloads) u(id, payload) returning 1) select count(*) from i`,
    claim: `with k as materialized (select nextval('${s}.claim_token') as token)
      update ${s}.task t set state = 1, token = (select token from k), attempt = t.attempt + 1, instance = p_instance
      where t.ctid = any(array(${pick('task', ' and x.state = 0')}))
      returning t.id, t.token, t.attempt, t.payload, t.run_at, null::tid`,
    settle: `with d as (update ${s}.task t set state = 2, started_at = now() - u.elapsed * interval '1 ms', finished_at = now(), result = u.result
      from unnest(p_ids, p_tokens, p_elapsed, p_results) u(id, token, elapsed, result)
      where t.id = u.id and t.token = u.token and t.state = 1 returning 1) select count(*) from d`,
    fail: `with d as (update ${s}.task t set state = 0, run_at = now() + u.delay * interval '1 ms', checkpoint = u.error::jsonb
      from unnest(p_ids, p_tokens, p_delays, p_errors) u(id, token, delay, error)
      where t.id = u.id and t.token = u.token and t.state = 1 returning 1) select count(*) from d`,
    cancel: `with d as (update ${s}.task t set state = case when t.state = 0 then 4 else 3 end where t.id = any(p_ids) and t.state in (0, 1) returning 1) select count(*) from d`,
    running: `select t.id, t.token, t.attempt, t.instance from ${s}.task t where t.state in (1, 3)`,
    recover: `with d as (update ${s}.task t set state = 0, crashes = t.crashes + 1, run_at = now() where t.state in (1, 3) and t.instance = p_instance returning 1) select count(*) from d`,
  }),
  fill: (o) => ({
    finished: (n) => `insert into ${s}.task (id, lane, run_at, token, attempt, state, started_at, finished_at, payload)
      select ${sqlId(o)}, 1, now() - interval '1 day', 1, 1, 2, now(), now(), convert_to(repeat('x', 100), 'utf8') from generate_series(1, ${n}) i`,
    scheduled: (n) => `insert into ${s}.task (id, lane, run_at, payload)
      select ${sqlId(o)}, 1, now() + interval '1 day' + i * interval '1 ms', convert_to(repeat('x', 100), 'utf8') from generate_series(1, ${n}) i`,
  }),
}
