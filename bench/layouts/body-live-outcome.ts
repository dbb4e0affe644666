import { type Layout, type Options, pick, schema as s, sqlId } from './layout.ts'

const outcomeIndex = (kind: string | undefined): string =>
  kind === 'none'
    ? ''
    : kind === 'brin'
      ? `create index on ${s}.outcome using brin (id) with (pages_per_range = 16, autosummarize = on);`
      : `alter table ${s}.outcome add primary key (id);`

const claimRow = (o: Options): boolean => o.claimRow ?? true

/** D: what was asked (immutable) - where it stands (narrow, HOT) - how it ended (narrow). */
export const bodyLiveOutcome: Layout = {
  name: 'D body-live-outcome',
  about: 'immutable task + narrow live row (HOT claim) + narrow outcome row + one claim row per batch',
  tables: (o) => `
create sequence ${s}.claim_token;
create table ${s}.task (
  id ID primary key, lane int4 not null, max_attempts int2 not null default 25, created_at timestamptz not null default now(),
  codec text not null default 'json', payload bytea, meta jsonb);
create table ${s}.live (
  id ID primary key, lane int4 not null, run_at timestamptz not null, token int8 not null default 0,
  attempt int2 not null default 0, crashes int2 not null default 0, state int2 not null default 0,
  ${claimRow(o) ? '' : 'instance int4 not null default 0, '}checkpoint jsonb) with (fillfactor = ${o.fillfactor ?? 50});
create index live_claim on ${s}.live (lane, run_at, id);
create table ${s}.outcome (
  id ID not null, token int8 not null, started_at timestamptz, finished_at timestamptz not null,
  lane int4 not null, status int2 not null, attempt int2 not null, result bytea, error jsonb);
${outcomeIndex(o.outcomeIndex)}
create table ${s}.claim (token int8 primary key, instance int4 not null, ids ID[] not null);
alter table ${s}.claim alter ids set storage external;`,
  sql: (o) => ({
    push: `with t as (insert into ${s}.task (id, lane, payload) select u.id, p_lane, u.payload from unnest(p_ids, p_payloads) u(id, payload)),
      i as (insert into ${s}.live (id, lane, run_at) select u.id, p_lane, now() + p_delay * interval '1 ms' from unnest(p_ids) u(id) returning 1) select count(*) from i`,
    claim: `with k as materialized (select nextval('${s}.claim_token') as token),
      u as (update ${s}.live l set state = 1, token = (select token from k), attempt = l.attempt + 1${claimRow(o) ? '' : ', instance = p_instance'}
        where l.ctid = any(array(${pick('live', ' and x.state = 0')}))
        returning l.id, l.token, l.attempt, l.run_at, l.ctid as tid)${
          claimRow(o)
            ? `,
      c as (insert into ${s}.claim (token, instance, ids) select (select token from k), p_instance, array_agg(u.id) from u having count(*) > 0)`
            : ''
        }
      select u.id, u.token, u.attempt, t.payload, u.run_at, ${o.byTid ? 'u.tid' : 'null::tid'} from u join ${s}.task t on t.id = u.id`,
    settle: `with d as (delete from ${s}.live l
      using unnest(p_ids, p_tokens, p_elapsed, p_results${o.byTid ? ', p_tids' : ''}) u(id, token, elapsed, result${o.byTid ? ', tid' : ''})
      where ${o.byTid ? 'l.ctid = u.tid and ' : ''}l.id = u.id and l.token = u.token and l.state = 1
      returning l.id, l.token, l.lane, l.attempt, u.elapsed, u.result),
      i as (insert into ${s}.outcome (id, token, started_at, finished_at, lane, status, attempt, result)
        select d.id, d.token, now() - d.elapsed * interval '1 ms', now(), d.lane, 1, d.attempt, d.result from d)${
          claimRow(o)
            ? `,
      c as (delete from ${s}.claim k where k.token = any(p_finished))`
            : ''
        }
      select count(*) from d`,
    fail: `with d as (update ${s}.live l set state = 0, run_at = now() + u.delay * interval '1 ms', checkpoint = u.error::jsonb
      from unnest(p_ids, p_tokens, p_delays, p_errors) u(id, token, delay, error)
      where l.id = u.id and l.token = u.token and l.state = 1 returning 1) select count(*) from d`,
    cancel: `with f as (update ${s}.live l set state = 3 where l.id = any(p_ids) and l.state = 1 returning 1),
      d as (delete from ${s}.live l where l.id = any(p_ids) and l.state = 0 returning l.*),
      i as (insert into ${s}.outcome (id, token, finished_at, lane, status, attempt) select d.id, d.token, now(), d.lane, 4, d.attempt from d)
      select (select count(*) from d) + (select count(*) from f)`,
    running: claimRow(o)
      ? `select l.id, l.token, l.attempt, k.instance from ${s}.claim k cross join unnest(k.ids) r(id) join ${s}.live l on l.id = r.id and l.token = k.token and l.state in (1, 3)`
      : `select l.id, l.token, l.attempt, ${claimRow(o) ? '0' : 'l.instance'} from ${s}.live l where l.state in (1, 3)`,
    recover: claimRow(o)
      ? `with k as (delete from ${s}.claim where instance = p_instance returning token, ids),
        d as (update ${s}.live l set state = 0, crashes = l.crashes + 1, run_at = now() from k cross join unnest(k.ids) r(id)
          where l.id = r.id and l.token = k.token and l.state in (1, 3) returning 1) select count(*) from d`
      : `with d as (update ${s}.live l set state = 0, crashes = l.crashes + 1, run_at = now() where l.state in (1, 3) and l.instance = p_instance returning 1) select count(*) from d`,
  }),
  fill: (o) => ({
    finished: (
      n,
    ) => `with t as (insert into ${s}.task (id, lane, payload) select ${sqlId(o)}, 1, convert_to(repeat('x', 100), 'utf8') from generate_series(1, ${n}) i)
      insert into ${s}.outcome (id, token, started_at, finished_at, lane, status, attempt) select ${sqlId(o)}, 1, now(), now(), 1, 1, 1 from generate_series(1, ${n}) i`,
    scheduled: (
      n,
    ) => `with t as (insert into ${s}.task (id, lane, payload) select ${sqlId(o)}, 1, convert_to(repeat('x', 100), 'utf8') from generate_series(1, ${n}) i)
      insert into ${s}.live (id, lane, run_at) select ${sqlId(o)}, 1, now() + interval '1 day' + i * interval '1 ms' from generate_series(1, ${n}) i`,
  }),
}
