import { type Layout, pick, schema as s, sqlId } from './layout.ts'

/**
 * C: immutable body, narrow ready row that the claim deletes, one lease row per claimed batch, narrow outcome row.
 * The fence is the lease row: a settle that finds it gone changes nothing. A task that left a lease without an
 * outcome (a retry) is listed in lease.gone, one that left with an outcome is found there, so partial settles need
 * no write to the lease. Cancel writes one row to a small table that claim and heartbeat look at.
 */
export const readyAndLease: Layout = {
  name: 'C ready-and-lease',
  about: 'immutable body + narrow ready row (deleted at claim) + one lease row per batch + narrow outcome row',
  tables: () => `
create sequence ${s}.claim_token;
create table ${s}.body (
  id ID primary key, lane int4 not null, max_attempts int2 not null default 25, created_at timestamptz not null default now(),
  codec text not null default 'json', payload bytea, meta jsonb);
create table ${s}.ready (id ID not null, run_at timestamptz not null, lane int4 not null, attempt int2 not null default 0, crashes int2 not null default 0, checkpoint jsonb);
create index ready_claim on ${s}.ready (lane, run_at, id);
create table ${s}.lease (token int8 primary key, instance int4 not null, ids ID[] not null, lanes int4[] not null, attempts int2[] not null, gone ID[] not null default '{}');
alter table ${s}.lease alter ids set storage external;
create table ${s}.cancel (id ID primary key);
create table ${s}.outcome (
  id ID primary key, token int8 not null, started_at timestamptz, finished_at timestamptz not null,
  lane int4 not null, status int2 not null, attempt int2 not null, result bytea, error jsonb);`,
  sql: () => ({
    push: `with t as (insert into ${s}.body (id, lane, payload) select u.id, p_lane, u.payload from unnest(p_ids, p_payloads) u(id, payload)),
      i as (insert into ${s}.ready (id, lane, run_at) select u.id, p_lane, now() + p_delay * interval '1 ms' from unnest(p_ids) u(id) returning 1) select count(*) from i`,
    claim: `with k as materialized (select nextval('${s}.claim_token') as token),
      u as (delete from ${s}.ready r where r.ctid = any(array(${pick('ready', '')}))
        returning r.id, r.lane, (r.attempt + 1)::int2 as attempt, r.run_at),
      c as (insert into ${s}.lease (token, instance, ids, lanes, attempts)
        select (select token from k), p_instance, array_agg(u.id), array_agg(distinct u.lane), array_agg(u.attempt) from u having count(*) > 0)
      select u.id, k.token, u.attempt, b.payload, u.run_at, null::tid from u cross join k join ${s}.body b on b.id = u.id
      where not exists (select from ${s}.cancel x where x.id = u.id)`,
    settle: `with l as materialized (select x.token, x.gone, x.lanes from ${s}.lease x where x.token = any(p_tokens) for update),
      d as (insert into ${s}.outcome (id, token, started_at, finished_at, lane, status, attempt, result)
        select u.id, u.token, now() - u.elapsed * interval '1 ms', now(), l.lanes[1], 1, 1, u.result
        from unnest(p_ids, p_tokens, p_elapsed, p_results) u(id, token, elapsed, result) join l on l.token = u.token and not u.id = any(l.gone)
        on conflict (id) do nothing returning 1),
      c as (delete from ${s}.lease k where k.token = any(p_finished))
      select count(*) from d`,
    fail: `with l as (update ${s}.lease x set gone = x.gone || p_ids where x.token = any(p_tokens) returning x.token, x.lanes, x.gone),
      d as (insert into ${s}.ready (id, lane, run_at, attempt, checkpoint)
        select u.id, l.lanes[1], now() + u.delay * interval '1 ms', 1, u.error::jsonb
        from unnest(p_ids, p_tokens, p_delays, p_errors) u(id, token, delay, error) join l on l.token = u.token returning 1)
      select count(*) from d`,
    cancel: `with d as (insert into ${s}.cancel select u.id from unnest(p_ids) u(id) where not exists (select from ${s}.outcome o where o.id = u.id) on conflict do nothing returning 1) select count(*) from d`,
    running: `select r.id, k.token, r.attempt, k.instance from ${s}.lease k cross join unnest(k.ids, k.attempts) r(id, attempt)
      where not r.id = any(k.gone) and not exists (select from ${s}.outcome o where o.id = r.id)`,
    recover: `with k as (delete from ${s}.lease where instance = p_instance returning token, ids, attempts, gone, lanes),
      d as (insert into ${s}.ready (id, lane, run_at, attempt, crashes) select r.id, k.lanes[1], now(), r.attempt, 1 from k cross join unnest(k.ids, k.attempts) r(id, attempt)
        where not r.id = any(k.gone) and not exists (select from ${s}.outcome o where o.id = r.id) returning 1) select count(*) from d`,
  }),
  fill: (o) => ({
    finished: (
      n,
    ) => `with t as (insert into ${s}.body (id, lane, payload) select ${sqlId(o)}, 1, convert_to(repeat('x', 100), 'utf8') from generate_series(1, ${n}) i)
      insert into ${s}.outcome (id, token, started_at, finished_at, lane, status, attempt) select ${sqlId(o)}, 1, now(), now(), 1, 1, 1 from generate_series(1, ${n}) i`,
    scheduled: (
      n,
    ) => `with t as (insert into ${s}.body (id, lane, payload) select ${sqlId(o)}, 1, convert_to(repeat('x', 100), 'utf8') from generate_series(1, ${n}) i)
      insert into ${s}.ready (id, lane, run_at) select ${sqlId(o)}, 1, now() + interval '1 day' + i * interval '1 ms' from generate_series(1, ${n}) i`,
  }),
}
