/** The tables that statistics are kept in: what was appended with each change, and what it is folded into. */

/** SQL of this file. */
export const counters: string = `
-- What happened, one row per statement, lane and minute; appended with the change itself, so that sums are exact, and
-- folded into count and stat now and then. Histograms are sparse: each entry is count * 32 + bucket.
create table tally (
  lane       int4 not null,
  minute     int4 not null, -- since the epoch
  pushed     int4 not null default 0,
  failed     int4 not null default 0, -- attempts that failed or crashed and will be tried again
  done       int4 not null default 0,
  killed     int4 not null default 0,
  cancelled  int4 not null default 0,
  unfinished int4 not null default 0, -- change of the number of rows in live
  failing    int4 not null default 0, -- change of the number of waiting rows in live that failed before
  gone       int4[], -- removed or resumed: done, killed, cancelled
  ran        int4[],
  waited     int4[],
  by         xid8 not null default pg_current_xact_id()
);
-- serves readers and the folder: they pass what is folded, which no vacuum may remove while a snapshot is held
create index tally_by on tally (by);
-- how many tasks there are, apart from what stands in tally
create table count (
  lane       int4 primary key,
  unfinished int8 not null,
  failing    int8 not null,
  done       int8 not null,
  killed     int8 not null,
  cancelled  int8 not null
) with (fillfactor = 50);
-- what happened per minute, hour and day
create table stat (
  queue     text collate "C" not null,
  step      int2 not null, -- 0 minute, 1 hour, 2 day
  at        timestamptz not null,
  pushed    int8 not null,
  failed    int8 not null,
  done      int8 not null,
  killed    int8 not null,
  cancelled int8 not null,
  ran       int8[] not null, -- 24 buckets
  waited    int8[] not null,
  primary key (step, queue, at)
) with (fillfactor = 50);

-- failures, appended with the settlement and folded into error_group
create table failure (
  lane        int4 not null,
  fingerprint text collate "C" not null,
  at          timestamptz not null,
  n           int4 not null,
  sample      uuid not null,
  name        text not null,
  message     text not null,
  by          xid8 not null default pg_current_xact_id()
);
create index failure_by on failure (by);
-- up to where tally and failure are folded: what transactions before this one wrote, apart from some that were under way
create table folded (
  before xid8 not null,
  apart  xid8[] not null,
  home   oid not null -- of this table: where a dump is restored, transactions are counted from anew
);
insert into folded values ('0', '{}', 'folded'::regclass);
create table error_group (
  queue       text collate "C" not null,
  fingerprint text collate "C" not null,
  name        text not null,
  message     text not null,
  first_at    timestamptz not null,
  last_at     timestamptz not null,
  n           int8 not null,
  sample      uuid not null,
  primary key (queue, fingerprint)
) with (fillfactor = 50);
-- serves their list and their retention
create index error_group_last on error_group (last_at, queue, fingerprint);
`
