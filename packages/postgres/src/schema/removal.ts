/** How tasks leave for good: by hand, and by age. */

/** Deletes what hangs on the tasks of `v_gone`. */
const forget = `
  delete from task t using unnest(v_gone) as g(id) where t.id = g.id;
  delete from attempt a using unnest(v_gone) as g(id) where a.id = g.id;
  delete from progress p using unnest(v_gone) as g(id) where p.id = g.id;
  delete from log l using unnest(v_gone) as g(id) where l.id = g.id;
  delete from cancellation x using unnest(v_gone) as g(id) where x.id = g.id;
  delete from idempotency i using unnest(v_gone) as g(id) where i.id = g.id;
  delete from uniqueness u using unnest(v_gone) as g(id) where u.id = g.id;`

/** Counts finished tasks that were deleted, of a list of deleted outcomes. */
const countGone = (from: string): string => `
      insert into tally (lane, minute, gone)
        select o.lane, minute_of(clock_timestamp()),
               array[count(*) filter (where o.status = 4), count(*) filter (where o.status = 5), count(*) filter (where o.status = 6)]
          from ${from} as o group by o.lane`

/** SQL of this file. */
export const removal: string = `
-- Deletes tasks that nobody holds. p_ids are distinct and sorted. Those not returned are unknown. Answers 1 applied, 2 busy.
create function remove_tasks(p_ids uuid[]) returns table (id uuid, answer int2)
language plpgsql %PINNED% set lock_timeout = '3s' as $$
#variable_conflict use_column
declare
  v_gone uuid[];
begin
  perform from unnest(p_ids) as s(id) join live v on v.id = s.id for update of v;
  perform from unnest(p_ids) as s(id) join outcome o on o.id = s.id for update of o;
  return query select v.id, 2::int2 from unnest(p_ids) as s(id) join live v on v.id = s.id and v.state in (1, 2);
  with waiting as (
    delete from live v using unnest(p_ids) as s(id) where v.id = s.id and v.state in (0, 3) returning v.id, v.lane, v.state
  ), ended as (
    delete from outcome o using unnest(p_ids) as s(id) where o.id = s.id returning o.id, o.lane, o.status
  ), waited as (
    insert into tally (lane, minute, unfinished, failing)
      select w.lane, minute_of(clock_timestamp()), -count(*), -count(*) filter (where w.state = 3) from waiting w group by w.lane
  ), counted as (${countGone('ended')}
  )
  select coalesce(array_agg(g.id), '{}') into v_gone from (select w.id from waiting w union all select e.id from ended e) as g;
  ${forget}
  return query select g.id, 1::int2 from unnest(v_gone) as g(id);
end $$;

-- Deletes finished tasks of a queue, the oldest first; null keeps a kind. Those that somebody has locked are left alone.
create function vacuum_queue(p_queue text, p_done_ms float8, p_killed_ms float8, p_cancelled_ms float8, p_limit int4) returns int4
language plpgsql %PINNED% set lock_timeout = '3s' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_gone uuid[];
begin
  v_gone := array(
    select f.id from lane l cross join lateral (
        (select o.id, o.finished_at from outcome o
          where o.lane = l.id and o.status = 4 and o.finished_at <= v_now - p_done_ms * interval '1 millisecond'
          order by o.lane, o.finished_at, o.id limit p_limit)
        union all
        (select o.id, o.finished_at from outcome o
          where o.lane = l.id and o.status = 5 and o.status <> 4 and o.finished_at <= v_now - p_killed_ms * interval '1 millisecond'
          order by o.lane, o.status, o.finished_at, o.id limit p_limit)
        union all
        (select o.id, o.finished_at from outcome o
          where o.lane = l.id and o.status = 6 and o.status <> 4 and o.finished_at <= v_now - p_cancelled_ms * interval '1 millisecond'
          order by o.lane, o.status, o.finished_at, o.id limit p_limit)
      ) as f
     where l.queue = p_queue order by f.finished_at, f.id limit p_limit);
  v_gone := array(
    select o.id from (select g.id from unnest(v_gone) as g(id) order by 1 offset 0) as s join outcome o on o.id = s.id for update of o skip locked);
  with ended as (
    delete from outcome o using unnest(v_gone) as g(id) where o.id = g.id returning o.id, o.lane, o.status
  ), counted as (${countGone('ended')}
  )
  select coalesce(array_agg(e.id), '{}') into v_gone from ended e;
  ${forget}
  return cardinality(v_gone);
end $$;
`
