/**
 * The tables, and what each index serves.
 *
 * A task is three rows that answer three questions: `task` what was asked (never updated by the
 * engine), `live` where it stands (narrow, hot, gone when the task ends), `outcome` how it ended.
 * See docs/decisions/0001-storage-layout.md for what was measured.
 */
export const tables = `
-- A lane is one queue at one priority: the unit that is claimed in order. Rows are never deleted.
create table lane (
  id         int4 generated always as identity primary key,
  queue      text collate "C" not null,
  priority   int2 not null,
  -- tasks that several workers died holding are moved to a lane of their own and claimed alone
  quarantine boolean not null default false,
  unique (queue, priority, quarantine)
);

create table task (
  id           uuid primary key,
  lane         int4 not null,
  created_at   timestamptz not null,
  max_attempts int2,
  codec        text collate "C" not null,
  payload      bytea not null,
  metadata     jsonb
);

-- fillfactor 50: a claim changes no indexed column, so with room on the page it is a HOT update
create table live (
  id         uuid primary key,
  lane       int4 not null,
  run_at     timestamptz not null,
  -- the current claim while claimed, otherwise the claim that was settled last
  token      int8 not null default 0,
  state      int2 not null default 0, -- 0 pending, 1 queued, 2 running, 3 failed
  attempt    int2 not null default 0,
  crashes    int2 not null default 0,
  checkpoint bytea,
  error      jsonb
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0.1);

-- serves the claim (ordered range scan per lane) and the next due time
create index live_due on live (lane, run_at, id);

create table outcome (
  id          uuid primary key,
  lane        int4 not null,
  status      int2 not null, -- 4 done, 5 killed, 6 cancelled
  attempt     int2 not null,
  crashes     int2 not null,
  token       int8 not null, -- the claim that ended it, 0 when none did
  run_at      timestamptz not null,
  finished_at timestamptz not null,
  codec       text collate "C",
  result      bytea,
  error       jsonb
);

-- one row per start of a worker: its lease
create table instance (
  id          uuid primary key,
  name        text not null,
  queues      text[] not null,
  lease_ms    int4 not null,
  started_at  timestamptz not null,
  beat_at     timestamptz not null,
  lease_until timestamptz not null
) with (fillfactor = 50);

-- one row per claimed batch: where to look for the tasks of an instance. What is true stands in live.
create table claim (
  token    int8 primary key,
  instance uuid not null,
  ids      uuid[] not null
);
-- ids do not compress
alter table claim alter column ids set storage external;
-- serves the sweep, deregister and the list of what an instance holds
create index claim_instance on claim (instance);

-- Tokens grow and never come twice. The time is in front because a claim is committed asynchronously: when the server
-- crashes, the last claims are forgotten and the sequence may step back with them.
create sequence claim_number as int8;
create function new_token() returns int8
language sql volatile as $$
  select ((extract(epoch from clock_timestamp()) * 1000)::int8 << 20) | (nextval('claim_number') & 1048575)
$$;

create table idempotency (
  queue  text collate "C" not null,
  key    text collate "C" not null,
  id     uuid not null,
  digest bytea not null,
  primary key (queue, key)
);

-- every task in words, for people and reports; the engine never reads it
create view tasks as
  select t.id, l.queue, l.priority,
         case v.state when 0 then 'pending' when 1 then 'queued' when 2 then 'running' when 3 then 'failed' end as status,
         v.attempt, v.crashes, t.max_attempts, t.created_at, v.run_at, null::timestamptz as finished_at,
         t.codec, t.payload, t.metadata, null::bytea as result, v.error
    from live v join task t using (id) join lane l on l.id = t.lane
  union all
  select t.id, l.queue, l.priority,
         case o.status when 4 then 'done' when 5 then 'killed' when 6 then 'cancelled' end,
         o.attempt, o.crashes, t.max_attempts, t.created_at, o.run_at, o.finished_at,
         t.codec, t.payload, t.metadata, o.result, o.error
    from outcome o join task t using (id) join lane l on l.id = t.lane;
`
