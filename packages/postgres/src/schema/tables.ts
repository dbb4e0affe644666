/**
 * The tables, and what each index serves.
 *
 * A task is three rows that answer three questions: `task` what was asked (never updated by the
 * engine), `live` where it stands (narrow, hot, gone when the task ends), `outcome` how it ended.
 * See docs/decisions/0001-storage-layout.md for what was measured.
 */
export const tables: string = `
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
  metadata     jsonb,
  -- {"timeoutMs": …, "deadline": milliseconds since the epoch}
  limits       jsonb,
  -- the step that it is, null for other tasks
  run          uuid,
  node         text collate "C",
  index        int4
);
-- serves the steps of a run
create index task_run on task (run, id nulls first) where run is not null; -- see run-tables.ts

-- fillfactor 50: a claim changes no indexed column, so with room on the page it is a HOT update
create table live (
  id         uuid not null,
  lane       int4 not null,
  run_at     timestamptz not null,
  -- the current claim while claimed, otherwise the claim that was settled last
  token      int8 not null default 0,
  state      int2 not null default 0, -- 0 pending, 1 queued, 2 running, 3 failed
  attempt    int2 not null default 0,
  crashes    int2 not null default 0,
  cancelling boolean not null default false, -- held, or a step, and somebody asked for its end: see cancellation
  step       boolean not null default false, -- of a run that is stored: it ends only by a settlement. Fits in what is padding
  checkpoint bytea,
  error      jsonb
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0.1);

-- serves the claim (ordered range scan per lane) and the next due time
create index live_due on live (lane, run_at, id);
-- serves the list of tasks that failed and wait; error is not changed by a claim, which therefore stays a HOT update
create index live_failed on live (lane, run_at, id) where error is not null;
-- the last made: where two indexes look alike, as they do while there is one row or none, the planner takes the youngest
alter table live add primary key (id);

create table outcome (
  id          uuid not null,
  lane        int4 not null,
  status      int2 not null, -- 4 done, 5 killed, 6 cancelled
  attempt     int2 not null,
  crashes     int2 not null,
  step        boolean not null default false, -- removed with its run only
  token       int8 not null, -- the claim that ended it or was taken back, 0 when none was; its time (>> 20) is when it was claimed
  worker      int4, -- worker.number, null when none held it
  ran_ms      int4, -- of the last attempt, null when nobody said
  run_at      timestamptz not null,
  finished_at timestamptz not null,
  codec       text collate "C",
  result      bytea,
  error       jsonb,
  settled     int8 -- of a task that was cancelled while it waited: the claim that was settled last
);
-- serves lists, retention and the stream of a queue
create index outcome_lane on outcome (lane, finished_at, id);
create index outcome_bad on outcome (lane, status, finished_at, id) where status <> 4;
alter table outcome add primary key (id);

-- attempts that did not end their task, and those of earlier lives. The last one of a finished task stands in outcome, and
-- here as well if its holder did not settle it
create table attempt (
  id       uuid not null,
  token    int8 not null,
  lane     int4 not null,
  attempt  int2 not null,
  result   int2 not null, -- 3 failed, 4 done, 5 killed, 6 cancelled, 10 crashed
  worker   int4,
  ran_ms   int4,
  ended_at timestamptz not null,
  error    jsonb
);
-- serves the stream of a queue
create index attempt_lane on attempt (lane, ended_at, id);
alter table attempt add primary key (id, token);

-- every start of a worker that is known, also of those that ended, for a day
create table worker (
  number     int4 generated always as identity primary key,
  id         uuid not null unique,
  name       text not null,
  queues     text[] not null,
  about      jsonb not null default '{}',
  started_at timestamptz not null,
  ended_at   timestamptz,
  lost       boolean not null default false
);

-- one row per start of a worker that lives: its lease
create table instance (
  id          uuid primary key,
  worker      int4 not null,
  queues      text[] not null,
  lease_ms    int4 not null,
  beat_at     timestamptz not null,
  lease_until timestamptz not null,
  command     int2 not null default 0, -- 0 work, 1 pause, 2 stop
  gone        boolean not null default false -- it left, and something it held is locked by a transaction that goes on
) with (fillfactor = 50);

-- one row per claimed batch: where to look for the tasks of an instance. What is true stands in live, where those still held
-- lie in live_due between (from_at, first of ids) and (to_at, last of ids).
create table claim (
  token    int8 primary key,
  instance uuid not null,
  worker   int4 not null,
  lane     int4 not null,
  from_at  timestamptz not null,
  to_at    timestamptz not null,
  ids      uuid[] not null -- sorted
);
-- ids do not compress
alter table claim alter column ids set storage external;
-- serves the sweep, deregister and the list of what an instance holds
create index claim_instance on claim (instance, token);

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
-- serves the removal of tasks
create index idempotency_id on idempotency (id);

-- at most one task per key: the holder decides by how it stands now, so nothing is written when it starts or ends
create table uniqueness (
  queue       text collate "C" not null,
  key         text collate "C" not null,
  id          uuid not null,
  unfinished  boolean not null, -- held until the task ends, otherwise until it starts
  until       timestamptz not null, -- held at least until
  primary key (queue, key)
);
-- serves the removal of tasks
create index uniqueness_id on uniqueness (id);

-- pushes that put their work in the place of a waiting task's: sent again they change nothing more. Kept for a day.
create table replaced (
  id   uuid primary key, -- of the push
  task uuid not null,
  at   timestamptz not null
);

-- why held tasks shall end; rows of tasks that ended otherwise go with a later sweep
create table cancellation (
  id    uuid primary key,
  error jsonb not null, -- what the task ends with
  at    timestamptz not null
);

create table pause (
  queue  text collate "C" primary key,
  at     timestamptz not null,
  by     text,
  reason text
);

-- places taken under limits that all processes share; one whose claim is over is free
create table place (
  key   text collate "C" not null,
  id    uuid not null,
  token int8 not null,
  primary key (key, id)
);
create table bucket (
  key     text collate "C" primary key,
  tokens  float8 not null,
  at      timestamptz not null,
  full_at timestamptz not null -- when it will be full if nobody takes from it, and might as well not exist
) with (fillfactor = 50);

-- what handlers say
create table progress (
  id    uuid primary key,
  done  float8 not null,
  total float8,
  note  text,
  at    timestamptz not null
) with (fillfactor = 50);
create table log (
  id      uuid not null,
  seq     int8 generated always as identity,
  attempt int2 not null,
  level   int2 not null, -- 0 debug, 1 info, 2 warn, 3 error
  at      timestamptz not null,
  message text not null,
  fields  text,
  primary key (id, seq)
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
