/**
 * How tasks leave for good: by hand, and by age.
 *
 * Locks are taken in the order of a push that replaces: unique keys, then tasks by id. So neither waits for what the
 * other has while holding what the other wants.
 */
import { namingHeld } from './control.ts'

/** Deletes the tasks of `v_gone`, of which no live or outcome row is left, with what hangs on them. */
export const forget = `
  delete from task t using unnest(v_gone) as g(id) where t.id = any (array[g.id]);
  delete from attempt a using unnest(v_gone) as g(id) where a.id = any (array[g.id]);
  delete from progress p using unnest(v_gone) as g(id) where p.id = any (array[g.id]);
  delete from log l using unnest(v_gone) as g(id) where l.id = any (array[g.id]);
  delete from page p using unnest(v_gone) as g(id) where p.id = any (array[g.id]);
  delete from cancellation x using unnest(v_gone) as g(id) where x.id = any (array[g.id]);
  delete from idempotency i using unnest(v_gone) as g(id) where i.id = any (array[g.id]);
  delete from uniqueness u using unnest(v_gone) as g(id) where u.id = any (array[g.id]);`

/** Counts finished tasks that were deleted, of a list of deleted outcomes. */
export const countGone = (from: string): string => `
      insert into tally (lane, minute, gone)
        select o.lane, minute_of(clock_timestamp()),
               array[count(*) filter (where o.status = 4), count(*) filter (where o.status = 5), count(*) filter (where o.status = 6)]
          from ${from} as o group by o.lane`

/** The moment before which tasks of a kind are too old; null keeps them, and so does a span that reaches behind all history. */
export const before = (span: string): string =>
  `case when ${span} < 1e14 then v_now - ${span} * interval '1 millisecond' end`

/** The oldest finished tasks of a kind in a lane. Through the index of all where they are done, else through that of the others. */
const oldest = (status: number, span: string, more = ' and o.status <> 4'): string => `
        (select o.id, o.finished_at from outcome o
          where o.lane = l.id and o.status = ${status}${more} and not o.step and o.finished_at <= ${before(span)}
          order by o.lane${status === 4 ? '' : ', o.status'}, o.finished_at, o.id limit p_limit)`

/** SQL of this file. */
export const removal: string = `
-- Deletes tasks that nobody holds; steps go with their run. p_ids are distinct and sorted. Those not returned are unknown.
-- Answers 1 applied, 2 busy.
create function remove_tasks(p_ids uuid[]) returns table (id uuid, answer int2)
language plpgsql %PINNED% set lock_timeout = '3s' as $$
#variable_conflict use_column
declare
  v_gone uuid[];
begin
  perform from (select u.queue, u.key from unnest(p_ids) as s(id) join uniqueness u on u.id = any (array[s.id]) order by 1, 2 offset 0) as k
    cross join lateral (select from uniqueness x where (x.queue, x.key) = (k.queue, k.key) for update) as held;
  -- what is held is not waited for: a settlement may hold it, and want the key
  perform from unnest(p_ids) as s(id) join live v on v.id = any (array[s.id]) and v.state in (0, 3) and not v.step for update of v;
  perform from unnest(p_ids) as s(id) join outcome o on o.id = any (array[s.id]) and not o.step for update of o;
  with waiting as (
    delete from live v using unnest(p_ids) as s(id) where v.id = any (array[s.id]) and v.state in (0, 3) and not v.step returning v.id, v.lane, v.state
  ), ended as (
    delete from outcome o using unnest(p_ids) as s(id) where o.id = any (array[s.id]) and not o.step returning o.id, o.lane, o.status
  ), waited as (
    insert into tally (lane, minute, unfinished, failing)
      select w.lane, minute_of(clock_timestamp()), -count(*), -count(*) filter (where w.state = 3) from waiting w group by w.lane
  ), counted as (${countGone('ended')}
  )
  select coalesce(array_agg(g.id), '{}') into v_gone from (select w.id from waiting w union all select e.id from ended e) as g;
  -- the key of a task that was not there a moment ago: once more, in order
  if cardinality(locked_uniqueness(v_gone)) > 0 then raise serialization_failure; end if;
  ${forget}
  return query select g.id, 1::int2 from unnest(v_gone) as g(id);
  return query select s.id, 2::int2 from unnest(p_ids) as s(id) where exists (select from task t where t.id = s.id offset 0);
${namingHeld('p_ids')}
end $$;

-- Deletes finished tasks of a queue that are no steps, the oldest first; null keeps a kind. Those that somebody has locked, or their keys,
-- are left for later. p_from: done tasks that ended before are known to be gone; what is kept beside them is not walked over
-- again. done_to: the same for the next call, null when none were asked for. Both in milliseconds since the epoch.
create function vacuum_queue(
  p_queue text, p_done_ms float8, p_killed_ms float8, p_cancelled_ms float8, p_limit int4, p_from float8,
  out deleted int4, out done_to float8
)
language plpgsql %PINNED% set lock_timeout = '3s' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_from timestamptz := coalesce(to_timestamp(p_from / 1000.0), '-infinity');
  v_ids uuid[];
  v_ats timestamptz[];
  v_gone uuid[];
  v_kept uuid[];
begin
  select array_agg(o.id), array_agg(o.finished_at) into v_ids, v_ats from (
    select f.* from lane l cross join lateral (${[
      oldest(4, 'p_done_ms', ' and o.finished_at >= v_from'),
      oldest(5, 'p_killed_ms'),
      oldest(6, 'p_cancelled_ms'),
    ].join(`
        union all`)}
      ) as f
     where l.queue = p_queue order by f.finished_at, f.id limit p_limit) as o;
  v_gone := array(
    select o.id from (select g.id from unnest(v_ids) as g(id) order by 1 offset 0) as s join outcome o on o.id = any (array[s.id]) for update of o skip locked);
  v_kept := locked_idempotency(v_gone) || locked_uniqueness(v_gone);
  with ended as (
    delete from outcome o using unnest(v_gone) as g(id) where o.id = any (array[g.id]) and not (g.id = any (v_kept)) returning o.id, o.lane, o.status
  ), counted as (${countGone('ended')}
  )
  select coalesce(array_agg(e.id), '{}') into v_gone from ended e;
  ${forget}
  deleted := cardinality(v_gone);
  if p_done_ms is not null then
    done_to := floor(date_part('epoch', least(
      ${before('p_done_ms')},
      case when cardinality(v_ids) = p_limit then v_ats[p_limit] end,
      (select min(f.at) from unnest(v_ids, v_ats) as f(id, at) where exists (select from outcome o where o.id = f.id offset 0)))) * 1000);
  end if;
${namingHeld('v_ids')}
end $$;
`
