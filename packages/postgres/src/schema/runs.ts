/**
 * What is done to runs from outside: cancelled, run again, mended. See run-tables.ts for the order of locks.
 *
 * Whoever meets a run or a step that a transaction of somebody else holds waits for three seconds.
 */
import { LANES_FIT } from './push.ts'
import { countGone, forget } from './removal.ts'
import { stepParameters, stepValues } from './steps.ts'

/** Of one run, living steps that a cancel looks at besides those that it has asked or ended. */
const MOST_LEFT = 2_000

/** Living steps of the runs, apart from those that end a run. */
const living = (runs: string, states: string, more = ''): string => `
    select t.id from unnest(${runs}) as s(id) cross join lateral (
      select t.id from task t
       where t.run = s.id and t.node not like '$%' and exists (select from live v where v.id = t.id and v.state in ${states} offset 0)${more}
      offset 0) as t
     order by t.id offset 0`

/** Arguments of a function for the lanes of steps. */
const LANES = 'p_known int4[], p_queues text[], p_priorities int2[], p_trusted boolean'
/** Arguments for joins. */
const JOINS = 'j_ids uuid[], j_arrived int4[], j_done int4[], j_failed int4[]'
const JOIN_VALUES = 'j_ids, j_arrived, j_done, j_failed'

/** Ends a function whose locks wait for three seconds at most. */
const namingRuns = (ids: string): string => `exception when lock_not_available then
  raise exception 'another transaction holds run %, or a step of it', ${ids} using errcode = 'Q0003';`

/** SQL of this file. */
export const runs: string = `
-- Cancels runs: p_ids are distinct and sorted, and the step that ends each is in its place. Answers 0 unknown, 1 cancelling,
-- 2 already, 3 ended. One row with ord 0: a lane is not what the caller thinks, nothing was changed.
create function cancel_runs(p_ids uuid[], p_errors jsonb[], ${stepParameters('s')}, ${LANES})
returns table (ord int4, answer int2)
language plpgsql %PINNED% set lock_timeout = '3s' as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_held uuid[];
  v_late uuid[];
  v_left uuid[];
  v_first uuid[];
  v_open uuid[];
  v_errors jsonb[];
  v_news int4[];
begin
  if not (p_trusted or ${LANES_FIT}) then
    ord := 0;
    return next;
    return;
  end if;
  v_held := array(
    select v.id from (${living(
      `array(select r.id from unnest(p_ids) as s(id) cross join lateral (
      select r.id from run r where r.id = s.id and r.finished_at is null offset 0) as r)`,
      '(1, 2)',
    )}) as t
      join live v on v.id = any (array[t.id]) and v.state in (1, 2) for update of v);
  perform from unnest(p_ids) as s(id) cross join lateral (select from run r where r.id = s.id for update) as r;
  return query
    select s.ord::int4, case when r.id is null then 0 when r.finished_at is not null then 3 when r.status = 0 then 1 else 2 end::int2
      from unnest(p_ids) with ordinality as s(id, ord)
      left join lateral (select r.id, r.status, r.finished_at from run r where r.id = s.id offset 0) as r on true;
  select array_agg(s.id), array_agg(s.error), array_agg(s.id) filter (where r.status = 0) into v_open, v_errors, v_first
    from unnest(p_ids, p_errors) as s(id, error)
   cross join lateral (select r.status from run r where r.id = s.id and r.finished_at is null offset 0) as r;
  if v_open is null then return; end if;
  if v_first is not null then
    update run r set status = 2, error = s.error from unnest(p_ids, p_errors) as s(id, error)
     where r.id = any (array[s.id]) and s.id = any (v_first);
    perform store_steps(${stepValues('s')}, p_queues, array(
      select s.id = any (v_first) from unnest(p_ids) with ordinality as s(id, ord) order by s.ord));
  end if;
  perform end_waiting(v_open, v_errors, '{}');

  -- What was claimed meanwhile is asked as well, and what a claim has in its hands right now, once it lets go. What is being
  -- settled may wait for the run: then all of this is done again.
  v_left := array(select u.id from (select l.id from (${living('v_open', '(0, 1, 2, 3)', ` limit ${MOST_LEFT}`)}) as l
    union select h.id from unnest(v_held) as h(id)) as u order by u.id);
  v_late := array(
    select v.id from unnest(v_left) as l(id) join live v on v.id = any (array[l.id]) and v.state in (1, 2) for update of v skip locked);
  if exists (
    select from unnest(v_left) as l(id)
     cross join lateral (select from live v where v.id = l.id and v.state in (1, 2) and not (v.id = any (v_late)) offset 0) as v)
  then
    raise exception 'a step of a run that is cancelled is being settled' using errcode = 'serialization_failure';
  end if;
  perform from unnest(v_left) as l(id) join live v on v.id = any (array[l.id]) for update of v;
  with asked as (
    update live v set cancelling = true from unnest(v_left) as l(id)
     where v.id = any (array[l.id]) and v.state in (1, 2) and not v.cancelling returning v.id, v.lane
  ), noted as (
    insert into cancellation as x (id, error, at)
      select a.id, e.error, v_now
        from asked a cross join lateral (select t.run from task t where t.id = a.id offset 0) as t
        join unnest(v_open, v_errors) as e(run, error) on e.run = t.run
    on conflict (id) do update set error = excluded.error, at = excluded.at
  )
  select array_agg(distinct a.lane) into v_news from asked a;
  perform pg_notify(%CHANNEL%, %NEWS% || q.queue) from (select distinct l.queue from lane l where l.id = any (v_news)) as q;
${namingRuns("array_to_string(p_ids[:3], ', ')")}
end $$;

-- Says how joins of a run stand that have not opened. Ids are distinct.
create function set_joins(p_run uuid, ${JOINS}) returns void
language plpgsql as $$
begin
  insert into run_join as j (run, id, arrived, done, failed)
    select p_run, s.id, s.arrived, s.done, s.failed from unnest(${JOIN_VALUES}) as s(id, arrived, done, failed) order by s.id
  on conflict (run, id) do update set arrived = excluded.arrived, done = excluded.done, failed = excluded.failed where not j.opened;
end $$;

-- Makes a run that failed or was cancelled run again, all of it or nothing. Answers 0 unknown, 1 retried, 2 busy, 3 stale,
-- 4: a lane is not what the caller thinks, nothing was changed.
create function retry_run(p_id uuid, p_retries int4, p_resume uuid[], p_forget uuid[], ${JOINS}, ${stepParameters('s')}, ${LANES})
returns int2
language plpgsql %PINNED% set lock_timeout = '3s' as $$
declare
  v_run record;
  v_answer int2 := 0;
  v_gone uuid[];
  v_lanes int4[];
begin
  if not (p_trusted or ${LANES_FIT}) then return 4; end if;
  begin
    delete from run_join j using (select f.id from unnest(p_forget) as f(id) order by f.id offset 0) as f
     where j.run = p_id and j.id = any (array[f.id]);
    perform set_joins(p_id, ${JOIN_VALUES});
    select r.* into v_run from run r where r.id = p_id and not r.leaving for update;
    if found then
      v_answer := case
        when v_run.finished_at is null or exists (
          select from task t cross join lateral (select from live v where v.id = t.id offset 0) as v where t.run = p_id offset 0) then 2
        when v_run.retries <> p_retries or v_run.status = 3 then 3
        else 1 end;
    end if;
    if v_answer <> 1 then raise exception using errcode = 'Q0000'; end if;
  exception when sqlstate 'Q0000' then
    return v_answer;
  end;
  update run r set status = 0, retries = r.retries + 1, output_codec = null, output = null, error = null, compensation = null, finished_at = null
   where r.id = p_id;

  v_gone := array(
    select o.id from (select f.id from unnest(p_forget) as f(id) order by f.id offset 0) as f
      join outcome o on o.id = any (array[f.id])
     where exists (select from task t where t.id = f.id and t.run = p_id offset 0) for update of o);
  with ended as (
    delete from outcome o using unnest(v_gone) as g(id) where o.id = any (array[g.id]) returning o.id, o.lane, o.status
  ), counted as (${countGone('ended')}
  )
  select coalesce(array_agg(e.id), '{}') into v_gone from ended e;
  ${forget}

  perform revive(array(
    select s.id from unnest(p_resume) as s(id)
     where exists (select from task t where t.id = s.id and t.run = p_id offset 0) order by s.id), true);
  if s_ids is not null then perform store_steps(${stepValues('s')}, p_queues, null); end if;
  select array_agg(distinct v.lane) into v_lanes
    from unnest(p_resume) as s(id) cross join lateral (select v.lane from live v where v.id = s.id offset 0) as v;
  perform pg_notify(%CHANNEL%, q.queue) from (select distinct l.queue from lane l where l.id = any (v_lanes)) as q;
  return 1;
${namingRuns('p_id')}
end $$;

-- Stores what a run should have had already, unless it has ended. Answers 1, or 4 as retry_run.
create function repair_run(p_id uuid, ${JOINS}, ${stepParameters('s')}, ${LANES}) returns int2
language plpgsql %PINNED% set lock_timeout = '3s' as $$
begin
  if not (p_trusted or ${LANES_FIT}) then return 4; end if;
  begin
    perform set_joins(p_id, ${JOIN_VALUES});
    perform from run r where r.id = p_id and r.finished_at is null for update;
    if not found then raise exception using errcode = 'Q0000'; end if;
  exception when sqlstate 'Q0000' then
    return 1;
  end;
  if s_ids is not null then perform store_steps(${stepValues('s')}, p_queues, null); end if;
  return 1;
${namingRuns('p_id')}
end $$;
`
