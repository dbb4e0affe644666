import { type Layout, pick, schema as s, sqlId } from './layout.ts'

const claim = `update ${s}.task t set state = 1, attempt = t.attempt + 1
  where t.ctid = any(array(${pick('task', ' and x.state = 0')}))
  returning t.id, 0::int8, t.attempt, t.payload, t.run_at, null::tid`

/** The floor: no history, no results, no fence. Plain statements; fused = delete and claim in one of them. */
export const rawDelete: Layout = {
  name: 'raw delete',
  about: 'reference: one table, UPDATE at claim, DELETE at settle, nothing is kept',
  tables: () => `
create table ${s}.task (id ID primary key, lane int4 not null, run_at timestamptz not null, state int2 not null default 0, attempt int2 not null default 0, payload bytea);
create index task_claim on ${s}.task (lane, run_at, id) where state = 0;`,
  sql: () => ({
    push: `with i as (insert into ${s}.task (id, lane, run_at, payload)
      select u.id, p_lane, now() + p_delay * interval '1 ms', u.payload from unnest(p_ids, p_payloads) u(id, payload) returning 1) select count(*) from i`,
    claim: claim + ' ',
    settle: `with d as (delete from ${s}.task t where t.id = any(p_ids) returning 1) select count(*) from d`,
    fail: `with d as (update ${s}.task t set state = 0, run_at = now() + interval '1 s' where t.id = any(p_ids) returning 1) select count(*) from d`,
    cancel: `with d as (delete from ${s}.task t where t.id = any(p_ids) returning 1) select count(*) from d`,
    running: `select t.id, 0::int8, t.attempt, 0 from ${s}.task t where t.state = 1`,
    recover: `with d as (update ${s}.task t set state = 0 where t.state = 1 returning 1) select count(*) from d`,
  }),
  fusedSql: `with d as (delete from ${s}.task t where t.id = any(p_ids)) ${claim}`,
  fill: (o) => ({
    finished: () => 'select 1',
    scheduled: (n) => `insert into ${s}.task (id, lane, run_at, payload)
      select ${sqlId(o)}, 1, now() + interval '1 day' + i * interval '1 ms', convert_to(repeat('x', 100), 'utf8') from generate_series(1, ${n}) i`,
  }),
}
