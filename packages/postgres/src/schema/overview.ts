/** Queues and workers at a glance. Sums come from counters; of the tasks themselves only the front of each lane is read. */

/** Most tasks not yet due that are told of one queue. */
const MOST_SCHEDULED = 10_000
/** About as many tasks not yet due are looked at over all lanes. */
const SCHEDULED_LOOK = 5_000
/** Claimed batches whose tasks are counted as held. */
const MOST_CLAIMS = 10_000
/** Where there are more: so many held tasks are passed, at the front of a lane, to find the first that waits. */
const FRONT_LOOK = 2_000
const ACTIVITY_DAYS = 7

/** Milliseconds since the epoch. */
const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`

/**
 * Tasks that a row of `claim` still holds. They were claimed in the order of their lane, so they are read as one piece of
 * its index. The offset keeps it so, whatever else is asked of them.
 */
export const heldBy = (claim: string): string => `(
        select v.*, v.ctid as place from live v
         where v.lane = ${claim}.lane and (v.run_at, v.id) >= (${claim}.from_at, ${claim}.ids[1])
           and (v.run_at, v.id) <= (${claim}.to_at, ${claim}.ids[cardinality(${claim}.ids)])
           and v.token = ${claim}.token and v.state in (1, 2) offset 0)`

/** SQL of this file. */
export const overview: string = `
-- Held tasks by lane, of one queue or all; claims past the first ${MOST_CLAIMS} are not looked at.
create function held_by_lane(p_queue text) returns table (lane int4, queued int8, running int8)
language plpgsql stable %PINNED% as $$
#variable_conflict use_column
declare
  v_lanes int4[] := case when p_queue is not null then lanes_of(p_queue) end;
begin
  return query
  select v.lane, count(*) filter (where v.state = 1), count(*) filter (where v.state = 2)
    from (select c.* from claim c order by c.token limit ${MOST_CLAIMS}) as c cross join lateral ${heldBy('c')} as v
   where v_lanes is null or c.lane = any (v_lanes)
   group by v.lane;
end $$;

-- Lanes with their counts, of one queue or all. Only one of the two parts is ever run.
create function lanes_counted(p_queue text) returns table (
  lane int4, queue text, unfinished int8, failing int8, done int8, killed int8, cancelled int8, queued int8, running int8
)
language plpgsql stable %PLAIN% as $$
#variable_conflict use_column
begin
  return query
  select n.id, n.queue, coalesce(n.unfinished, 0), coalesce(n.failing, 0), coalesce(n.done, 0), coalesce(n.killed, 0),
         coalesce(n.cancelled, 0), coalesce(h.queued, 0), coalesce(h.running, 0)
    from (
      select l.id, l.queue, c.* from lane l left join lane_count c on c.lane = l.id where p_queue is null
      union all
      select l.id, l.queue, c.* from lane l left join lateral (select * from lane_count x where x.lane = l.id offset 0) as c on true where l.queue = p_queue
    ) as n left join held_by_lane(p_queue) as h on h.lane = n.id;
end $$;

-- How many tasks have each status; of one queue or all.
create function count_statuses(p_queue text)
returns table (unfinished int8, failing int8, done int8, killed int8, cancelled int8, queued int8, running int8)
language sql stable %PLAIN% as $$
  select coalesce(sum(n.unfinished), 0)::int8, coalesce(sum(n.failing), 0)::int8, coalesce(sum(n.done), 0)::int8,
         coalesce(sum(n.killed), 0)::int8, coalesce(sum(n.cancelled), 0)::int8,
         coalesce(sum(n.queued), 0)::int8, coalesce(sum(n.running), 0)::int8
    from lanes_counted(p_queue) as n
$$;

-- Per lane: since when the first waiting task has been due, and how many are not yet due. p_held and p_pending run in parallel
-- with p_lanes: how many tasks are held, at most, so that one more than those is enough to look at; and how many are pending,
-- null when that is not known. Where none is due, those are the ones not yet due; otherwise they are counted, at most p_look.
create function front_of_lanes(p_lanes int4[], p_held int8[], p_pending int8[], p_look int4)
returns table (lane int4, oldest timestamptz, scheduled int8)
language plpgsql stable %PINNED% as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
begin
  return query
  select f.lane, f.oldest,
         case when f.oldest is null and f.pending is not null then f.pending
              else (select count(*) from (select v.state from live v where v.lane = f.lane and v.run_at > v_now
                                           order by v.run_at, v.id limit p_look) as s where s.state = 0) end
    from (
      select l.lane, l.pending,
             (select w.run_at from (select v.run_at, v.state from live v where v.lane = l.lane and v.run_at <= v_now
                                     order by v.run_at, v.id limit l.held + 1) as w where w.state in (0, 3) limit 1) as oldest
        from unnest(p_lanes, p_held, p_pending) as l(lane, held, pending)
      offset 0 -- so that the oldest is looked for once
    ) as f;
end $$;

-- Tasks that ended per queue and day since p_since, days since the epoch; a day may come twice and is to be added up.
create function ended_by_day(p_queues text[], p_since int4) returns table (queue text, day int4, ended int8)
language sql stable %PINNED% as $$
  select q.queue, s.day, s.ended
    from unnest(p_queues) as q(queue) cross join lateral (
      select (extract(epoch from s.at) / 86400)::int4 as day, s.done + s.killed + s.cancelled as ended
        from stat s where s.step = 2 and s.queue = q.queue and s.at >= to_timestamp(p_since * 86400.0) order by s.at) as s
  union all
  select l.queue, t.minute / 1440, sum(t.done + t.killed + t.cancelled)::int8
    from fresh_tally() t join lane l on l.id = t.lane where t.minute >= p_since * 1440 and l.queue = any (p_queues)
   group by l.queue, t.minute / 1440
$$;

-- One row per queue, or of one queue. Days are since the epoch and run in parallel with ended.
create function list_queues(p_queue text) returns table (
  queue text, unfinished int8, failing int8, done int8, killed int8, cancelled int8, queued int8, running int8, scheduled int8,
  oldest_due_ms float8, workers int8, paused_at float8, paused_by text, paused_reason text, days int4[], ended int8[], today int4
)
language plpgsql stable %PLAIN% as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_today int4 := floor(extract(epoch from v_now) / 86400);
  v_held_known boolean := not exists (select from claim offset ${MOST_CLAIMS});
begin
  return query
  with sums as materialized (
    select s.* from lanes_counted(p_queue) as s
  ), waiting as (
    select array_agg(s.lane) as lanes, array_agg(s.queued + s.running + case when v_held_known then 0 else ${FRONT_LOOK} end) as held, count(*) as n,
           array_agg(case when v_held_known then s.unfinished - s.failing - s.queued - s.running end) as pending
      from sums s where s.unfinished > s.queued + s.running
  ), front as (
    select f.* from waiting w
     cross join lateral front_of_lanes(w.lanes, w.held, w.pending, greatest(25, ${SCHEDULED_LOOK} / greatest(1, w.n))::int4) as f
  ), lanes as (
    select s.queue, sum(s.unfinished)::int8 as unfinished, sum(s.failing)::int8 as failing, sum(s.done)::int8 as done,
           sum(s.killed)::int8 as killed, sum(s.cancelled)::int8 as cancelled, sum(s.queued)::int8 as queued, sum(s.running)::int8 as running,
           sum(f.scheduled)::int8 as scheduled, min(f.oldest) as oldest
      from sums s left join front f on f.lane = s.lane
     group by s.queue
  ), activity as (
    select e.queue, array_agg(e.day) as days, array_agg(e.ended) as ended 
      from ended_by_day(array(select l.queue from lanes l), v_today - ${ACTIVITY_DAYS - 1}) as e group by e.queue
  ), living as (
    select q.queue, count(*) as workers from instance i cross join lateral (select distinct unnest(i.queues) as queue) as q
     where i.lease_until >= v_now and (p_queue is null or q.queue = p_queue) group by q.queue
  )
  select q.queue, coalesce(n.unfinished, 0), coalesce(n.failing, 0), coalesce(n.done, 0), coalesce(n.killed, 0), coalesce(n.cancelled, 0),
         coalesce(n.queued, 0), coalesce(n.running, 0), least(${MOST_SCHEDULED}, greatest(0, coalesce(n.scheduled, 0))),
         ${ms('v_now - n.oldest')}, coalesce(i.workers, 0), ${ms('p.at')}, p.by, p.reason, a.days, a.ended, v_today
    from (select queue from lanes union select queue from pause where p_queue is null or queue = p_queue) as q
    left join lanes n on n.queue = q.queue left join pause p on p.queue = q.queue
    left join activity a on a.queue = q.queue left join living i on i.queue = q.queue
   order by q.queue;
end $$;

-- Workers: those that live, then the others of the last day; each by number, the latest first. p_alive, p_number: the last one told.
create function list_workers(p_queue text, p_alive boolean, p_number int4, p_limit int4) returns table (
  number int4, id uuid, name text, queues text[], alive boolean, registered boolean, command int2, about jsonb,
  started_at float8, beat_at float8, lease_until float8, ended_at float8, held int8
)
language plpgsql stable %PINNED% as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
begin
  return query
  select w.number, w.id, w.name, w.queues, w.alive, i.id is not null, coalesce(i.command, 0::int2), w.about,
         ${ms('w.started_at')}, ${ms('coalesce(i.beat_at, w.ended_at, w.started_at)')},
         ${ms('coalesce(i.lease_until, w.ended_at, w.started_at)')}, ${ms('w.ended_at')},
         (select count(*) from claim c cross join lateral ${heldBy('c')} as v where c.instance = w.id)
    from (
      (select w.*, true as alive from instance i join worker w on w.number = i.worker
        where i.lease_until >= v_now and (p_queue is null or p_queue = any (w.queues))
          and (p_number is null or p_alive and w.number < p_number)
        order by w.number desc limit p_limit)
      union all
      (select w.*, false from worker w left join instance i on i.id = w.id
        where coalesce(i.lease_until < v_now, true) and coalesce(w.ended_at > v_now - interval '1 day', true)
          and (p_queue is null or p_queue = any (w.queues))
          and (p_number is null or p_alive or w.number < p_number)
        order by w.number desc limit p_limit)
    ) as w
    left join instance i on i.id = w.id
   order by w.alive desc, w.number desc limit p_limit;
end $$;
`
