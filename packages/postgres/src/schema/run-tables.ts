/**
 * The tables of runs of workflows, and what each index serves. Their steps are tasks like any other: see tables.ts.
 *
 * Rows are locked in this order: live of held steps, run_join, run (all by id), then live of waiting steps. Under the lock
 * of a run nobody waits for a held step, whose settlement may be waiting for the run.
 */
export const runTables: string = `
-- Runs of workflows: what was started, where it stands, how it ended. Each index costs every run, also at its end.
create table run (
  id           uuid primary key,
  parent_run   uuid,
  parent_task  uuid,
  created_at   timestamptz not null,
  deadline     timestamptz,
  finished_at  timestamptz,
  retries      int4 not null default 0,
  status       int2 not null default 0, -- 0 running, 1 failing, 2 cancelling, 3 done, 4 failed, 5 cancelled
  leaving      boolean not null default false, -- too large to be forgotten at once, and some of its steps are gone
  compensation int2, -- 0 complete, 1 partial
  queue        text collate "C" not null,
  workflow     text collate "C" not null,
  version      text collate "C",
  hash         text collate "C" not null,
  key          text collate "C",
  codec        text collate "C" not null,
  input        bytea not null,
  metadata     jsonb,
  output_codec text collate "C",
  output       bytea,
  error        jsonb
) with (fillfactor = 50);
create unique index run_key on run (queue, workflow, key) where key is not null;
-- These four serve lists: of all, of the runs that a run started, of those that go on, and of those that failed or were cancelled.
-- No column here is ever null. That each says otherwise where nulls would go makes each the only one in which the order that
-- its list asks for can be found: the planner takes them for alike while the table is nearly empty, and then it counts which was
-- made last, which a restore changes.
create index run_created on run (created_at, id);
create index run_parent on run (parent_run, created_at, id nulls first) where parent_run is not null;
create index run_unfinished on run (created_at nulls first, id) where finished_at is null;
create index run_bad on run (created_at nulls first, id nulls first) where status in (4, 5);
-- serves retention
create index run_finished on run (queue, status, finished_at, id) where finished_at is not null;

-- steps that several others lead to, until and after they were stored; not named: nothing has arrived
create table run_join (
  run           uuid not null,
  id            uuid not null, -- of the step
  arrived       int4 not null,
  done          int4 not null,
  failed        int4 not null,
  -- it opens when so many arrived, so many were done or more than so many failed; null: as the next arrival says
  opens_arrived int4,
  opens_done    int4,
  opens_failed  int4,
  opened        boolean not null default false, -- the step was stored: nothing is counted any more
  primary key (run, id)
) with (fillfactor = 50);

-- what runs were told
create table message (
  run   uuid not null,
  seq   int8 generated always as identity,
  name  text collate "C" not null,
  codec text collate "C", -- null: without a payload
  bytes bytea,
  key   text collate "C",
  taken uuid, -- the step that received it; the nil UUID: one that discarded it
  primary key (run, seq)
);
create unique index message_key on message (run, key) where key is not null;
-- serves what listens and what receives
create index message_next on message (run, name, seq nulls first) where taken is null;
-- serves what receives again
create index message_taken on message (run, taken) where taken is not null;

-- waiting steps that a message makes due. What is true stands in live: a row counts while the step waits and its token is this
-- one, that of the claim which was settled with the wish to listen. Goes with the end of its run
create table listening (
  run   uuid not null,
  id    uuid not null, -- of the step
  token int8 not null,
  names text[] not null,
  primary key (run, id)
);

-- what is too long for one value; goes with the task
create table page (
  id    uuid not null, -- of the task
  n     int4 not null,
  codec text collate "C" not null,
  bytes bytea not null,
  primary key (id, n)
);
alter table page alter column bytes set storage external;
`
