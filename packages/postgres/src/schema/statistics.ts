/**
 * `roll` folds what was appended into sums; views and functions read sums and what is not folded yet as one.
 *
 * Writers only append and are never waited for; there is one folder at a time. Readers see each row either folded
 * or not, because folding is one transaction. Rows that were folded stay where they are for as long as anybody holds a
 * snapshot, so the folder notes up to which transaction all is folded, and nobody reads what lies before.
 */
import { HISTOGRAM_BUCKETS } from '@q/core'

/** Slots of one span: the buckets of `ran`, those of `waited`, then the counters. */
const COUNTERS = ['pushed', 'failed', 'done', 'killed', 'cancelled'] as const
const FIRST_COUNTER = 2 * HISTOGRAM_BUCKETS
/** So many rows that are not folded are added up by readers without further ado, or rows so old. */
const LONG = 1_000
const OLD_MINUTES = 10
const FOLDED_AT_ONCE = 5_000
/** About so many folded rows are passed by readers before it is noted again up to where all is folded. */
const NOTED_EVERY = 1_000

/** A row of `tally` as pairs of slot and number: bars of histograms are number * 32 + bucket. */
const slots = `(
    select b.bar & 31 as slot, b.bar >> 5 as n from unnest(t.ran) as b(bar)
    union all
    select ${HISTOGRAM_BUCKETS} + (b.bar & 31), b.bar >> 5 from unnest(t.waited) as b(bar)
    union all
    select c.slot, c.n from (values ${COUNTERS.map((name, index) => `(${FIRST_COUNTER + index}, t.${name})`).join(', ')}) as c(slot, n)
     where c.n <> 0)`

/** Rows of a table that are not folded yet. The offset keeps each look-up one by transaction, here and below. */
const fresh = (table: string): string => `create function fresh_${table}() returns setof ${table}
language plpgsql stable %PINNED% as $$
declare
  v_upto record := folded_upto();
begin
  return query select t.* from unnest(v_upto.apart) as a(by) cross join lateral (select x.* from ${table} x where x.by = a.by offset 0) as t;
  return query select t.* from ${table} t where t.by >= v_upto.before;
end $$;`

/** Places of at most p_rows of them, those of the oldest transactions first. */
const places = (table: string): string => `array(
      (select t.ctid from unnest(v_upto.apart) as a(by) cross join lateral (select x.ctid from ${table} x where x.by = a.by offset 0) as t)
      union all
      (select t.ctid from ${table} t where t.by >= v_upto.before order by t.by limit p_rows)
      limit p_rows)`

/** What stands in a slot of the spans grouped by. */
const inSlot = (slot: number): string => `coalesce(sum(s.n) filter (where s.slot = ${slot}), 0)`
const histogramFrom = (first: number): string =>
  `array[${Array.from({ length: HISTOGRAM_BUCKETS }, (_, bucket) => inSlot(first + bucket)).join(', ')}]::int8[]`
const counters = COUNTERS.map((_, index) => inSlot(FIRST_COUNTER + index)).join(', ')
const addCounters = COUNTERS.map((name) => `${name} = s.${name} + excluded.${name}`).join(', ')
const addHistogram = (name: string): string =>
  `${name} = array(select a + b from unnest(s.${name}, excluded.${name}) with ordinality as u(a, b, i) order by i)`

/** SQL of this file. */
export const statistics: string = `
-- See the table. A note that came with a dump says nothing here: then everything is read.
create function folded_upto(out before xid8, out apart xid8[])
language sql stable %PLAIN% as $$
  select case when s.here then s.before else '0' end, case when s.here then s.apart else '{}' end
    from (select f.*, f.home = 'folded'::regclass and f.before <= pg_snapshot_xmax(pg_current_snapshot()) as here from folded f) as s
$$;

-- Rows of tally, and of failure, that are not folded yet.
${fresh('tally')}
${fresh('failure')}

-- how many tasks each lane has, exact at any moment
create view lane_count as
  select lane, sum(unfinished)::int8 as unfinished, sum(failing)::int8 as failing,
         sum(done)::int8 as done, sum(killed)::int8 as killed, sum(cancelled)::int8 as cancelled
    from (select lane, unfinished, failing, done, killed, cancelled from count
          union all
          select lane, unfinished, failing, done - coalesce(gone[1], 0), killed - coalesce(gone[2], 0), cancelled - coalesce(gone[3], 0)
            from fresh_tally()) as parts
   group by lane;

-- what happened and is not in stat yet; slots: ${HISTOGRAM_BUCKETS} of ran, ${HISTOGRAM_BUCKETS} of waited, ${COUNTERS.join(', ')}
create view unfolded as
  select l.queue, t.minute, s.slot, sum(s.n)::int8 as n
    from fresh_tally() t join lane l on l.id = t.lane cross join lateral ${slots} as s
   group by l.queue, t.minute, s.slot;

-- Folds at most p_rows rows of tally and as many of failure, and forgets a bounded number of what is too old. Returns
-- how many rows were folded: 0 also when another process is folding right now. The queue '' in stat is all of them.
-- Without seqscan: a row is deleted by its place, never by comparing all places with a list.
create function roll(p_rows int4) returns int4
language plpgsql %PLAIN% set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  v_now timestamptz := clock_timestamp();
  v_seen pg_snapshot;
  v_upto record;
  v_before xid8;
  v_tallies int4;
  v_last_tally xid8;
  v_failures int4;
  v_last_failure xid8;
  v_queues text[];
begin
  if not pg_try_advisory_xact_lock(${0x71726f6c}, hashtext(current_schema())) then return 0; end if;
  v_seen := pg_current_snapshot();
  v_upto := folded_upto();

  with t as materialized (
    delete from tally t where t.ctid = any (${places('tally')}) returning t.*
  ), counted as (
    insert into count as c (lane, unfinished, failing, done, killed, cancelled)
      select t.lane, sum(t.unfinished), sum(t.failing), sum(t.done - coalesce(t.gone[1], 0)),
             sum(t.killed - coalesce(t.gone[2], 0)), sum(t.cancelled - coalesce(t.gone[3], 0))
        from t group by t.lane
    on conflict (lane) do update set unfinished = c.unfinished + excluded.unfinished, failing = c.failing + excluded.failing,
      done = c.done + excluded.done, killed = c.killed + excluded.killed, cancelled = c.cancelled + excluded.cancelled
  ), minutes as materialized (
    select l.queue, t.minute, s.slot, sum(s.n)::int8 as n
      from t join lane l on l.id = t.lane cross join lateral ${slots} as s
     group by l.queue, t.minute, s.slot
  ), spans as (
    select q.queue, g.step, m.minute / g.minutes * g.minutes as minute, m.slot, m.n
      from minutes m
      cross join (values (0::int2, 1), (1::int2, 60), (2::int2, 1440)) as g(step, minutes)
      cross join lateral (values (m.queue), ('')) as q(queue)
  ), stated as (
    insert into stat as s (queue, step, at, ${COUNTERS.join(', ')}, ran, waited)
      select s.queue, s.step, to_timestamp(s.minute * 60.0), ${counters},
             ${histogramFrom(0)},
             ${histogramFrom(HISTOGRAM_BUCKETS)}
        from spans s group by s.queue, s.step, s.minute
    on conflict (step, queue, at) do update set ${addCounters},
      ${addHistogram('ran')}, ${addHistogram('waited')}
  )
  select (select count(*) from t), (select t.by from t order by t.by desc limit 1), (select array_agg(distinct m.queue) from minutes m)
    into v_tallies, v_last_tally, v_queues;

  with f as materialized (
    delete from failure f where f.ctid = any (${places('failure')}) returning f.*
  ), grouped as (
    insert into error_group as g (queue, fingerprint, name, message, first_at, last_at, n, sample)
      select l.queue, f.fingerprint, (array_agg(f.name order by f.at desc))[1], (array_agg(f.message order by f.at desc))[1],
             min(f.at), max(f.at), sum(f.n), (array_agg(f.sample order by f.at desc))[1]
        from f join lane l on l.id = f.lane group by l.queue, f.fingerprint
    on conflict (queue, fingerprint) do update set n = g.n + excluded.n,
      first_at = least(g.first_at, excluded.first_at), last_at = greatest(g.last_at, excluded.last_at),
      name = case when excluded.last_at >= g.last_at then excluded.name else g.name end,
      message = case when excluded.last_at >= g.last_at then excluded.message else g.message end,
      sample = case when excluded.last_at >= g.last_at then excluded.sample else g.sample end
  )
  select (select count(*) from f), (select f.by from f order by f.by desc limit 1) into v_failures, v_last_failure;

  -- all that was seen is folded, or all of the transactions before the last one. Noted now and then: notes are dead rows, too.
  v_before := least(pg_snapshot_xmax(v_seen), case when v_tallies = p_rows then v_last_tally end, case when v_failures = p_rows then v_last_failure end);
  if v_before >= v_upto.before
     and (random() * ${NOTED_EVERY} < v_tallies + v_failures or (select f.before <> v_upto.before from folded f)) then
    update folded set before = v_before, apart = array(select x from pg_snapshot_xip(v_seen) as x where x < v_before), home = 'folded'::regclass;
  end if;

  -- of the queues at hand, and of one more, because queues end too
  v_queues := v_queues || array['', (select l.queue from lane l where l.id >= random() * (select max(x.id) from lane x) order by l.id limit 1)];
  delete from stat s where s.ctid = any (array(
    select x.ctid
      from unnest(v_queues) as q(queue)
     cross join (values (0::int2, v_now - interval '48 hours'), (1::int2, v_now - interval '30 days'), (2::int2, v_now - interval '400 days')) as g(step, since)
     cross join lateral (
       select x.ctid from stat x where x.step = g.step and x.queue = q.queue and x.at < g.since order by x.at limit p_rows) as x));
  delete from error_group g
   where g.ctid = any (array(select x.ctid from error_group x where x.last_at < v_now - interval '30 days' order by x.last_at limit p_rows));
  return v_tallies + v_failures;
end $$;

-- Readers call it first, so that what they add up themselves stays short, and whoever sweeps. Each folding leaves dead rows in
-- count and stat that readers step over, so where dead rows of tally show that no vacuum may remove them, it is done less often.
create function roll_when_long() returns void
language plpgsql %PLAIN% set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  v_before xid8;
  v_long int4 := least(${FOLDED_AT_ONCE}, greatest(${LONG}, pg_relation_size('tally') / current_setting('block_size')::int4 / 2));
begin
  select f.before into v_before from folded_upto() as f;
  if (select count(*) from (select from tally t where t.by >= v_before limit v_long) as t) = v_long
     or (select count(*) from (select from failure f where f.by >= v_before limit v_long) as f) = v_long
     or (select t.minute from tally t where t.by >= v_before order by t.by limit 1) < minute_of(clock_timestamp()) - ${OLD_MINUTES} then
    perform roll(${FOLDED_AT_ONCE});
  end if;
end $$;

-- Groups of failures, the latest first, after the one named. What is not folded yet is added to its group.
create function list_groups(p_queue text, p_at timestamptz, p_after_queue text, p_after_fingerprint text, p_limit int4)
returns table (
  queue text, fingerprint text, name text, message text, first_at float8, last_at float8, last_us int8, n int8, sample uuid
)
language plpgsql stable %PLAIN% as $$
#variable_conflict use_column
begin
  return query
  with fresh as materialized (
    select l.queue, f.fingerprint, (array_agg(f.name order by f.at desc))[1] as name, (array_agg(f.message order by f.at desc))[1] as message,
           min(f.at) as first_at, max(f.at) as last_at, sum(f.n)::int8 as n, (array_agg(f.sample order by f.at desc))[1] as sample
      from fresh_failure() f join lane l on l.id = f.lane
     where p_queue is null or l.queue = p_queue
     group by l.queue, f.fingerprint
  ), both_parts as (
    select f.queue, f.fingerprint, case when g.last_at > f.last_at then g.name else f.name end as name,
           case when g.last_at > f.last_at then g.message else f.message end as message,
           least(g.first_at, f.first_at) as first_at, greatest(g.last_at, f.last_at) as last_at,
           f.n + coalesce(g.n, 0) as n, case when g.last_at > f.last_at then g.sample else f.sample end as sample
      from fresh f
      left join lateral (select * from error_group x where x.queue = f.queue and x.fingerprint = f.fingerprint offset 0) as g on true
  ), folded as (
    select g.* from error_group g
     where (p_queue is null or g.queue = p_queue)
       and (p_at is null or (g.last_at, g.queue, g.fingerprint) < (p_at, p_after_queue, p_after_fingerprint))
       and not exists (select from fresh f where f.queue = g.queue and f.fingerprint = g.fingerprint)
     order by g.last_at desc, g.queue desc, g.fingerprint desc limit p_limit
  )
  select a.queue, a.fingerprint, a.name, a.message, (extract(epoch from a.first_at) * 1000)::float8, (extract(epoch from a.last_at) * 1000)::float8,
         to_us(a.last_at), a.n, a.sample
    from (select b.* from both_parts b where p_at is null or (b.last_at, b.queue, b.fingerprint) < (p_at, p_after_queue, p_after_fingerprint)
          union all
          select g.queue, g.fingerprint, g.name, g.message, g.first_at, g.last_at, g.n, g.sample from folded g) as a
   order by a.last_at desc, a.queue desc, a.fingerprint desc limit p_limit;
end $$;
`
