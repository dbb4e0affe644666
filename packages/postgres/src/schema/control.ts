/**
 * What people do to tasks, queues and workers from outside. Rows of `live` are locked in id order, as by a settlement.
 *
 * Whoever meets a row that a transaction of somebody else holds waits for three seconds and then says whose it is.
 */

/** Ends a function whose locks wait for three seconds at most. */
export const namingHeld = (ids: string): string => `exception when lock_not_available then
  perform raise_held(${ids});`

/** Which of some tasks have a row in a table that another transaction has locked. */
const locked = (table: string): string => `
create function locked_${table}(p_ids uuid[]) returns uuid[]
language plpgsql %PINNED% as $$
declare
  v_free uuid[] := array(
    select v.id from unnest(p_ids) as s(id) join ${table} v on v.id = any (array[s.id]) for update of v skip locked);
begin
  return array(
    select s.id from unnest(p_ids) as s(id)
     where not (s.id = any (v_free)) and exists (select from ${table} v where v.id = s.id offset 0));
end $$;`

/** SQL of this file. */
export const control: string = `
-- These wait for nobody.${['live', 'outcome', 'idempotency', 'uniqueness'].map(locked).join('')}

-- Raises Q0003, naming those of the tasks that another transaction holds.
create function raise_held(p_ids uuid[]) returns void
language plpgsql %PINNED% as $$
declare
  v_held uuid[] := locked_live(p_ids) || locked_outcome(p_ids) || locked_idempotency(p_ids) || locked_uniqueness(p_ids);
begin
  raise exception 'another transaction holds %',
    coalesce((select 'task ' || string_agg(h.id::text, ', ') from (select distinct h.id from unnest(v_held) as h(id) order by 1 limit 3) as h),
             'what belongs to task ' || array_to_string(p_ids[:3], ', ')) using errcode = 'Q0003';
end $$;

-- Answers, here and in removal.ts: 0 unknown, 1 applied, 2 busy, 3 ended, 4 cancelling.

-- Changes a task that waits. p_change: what changes: priority, maxAttempts, metadata, due ("at" or "afterMs"),
-- limits (as in task, null for none, or "afterMs").
create function change_task(p_id uuid, p_change jsonb, p_codec text, p_payload bytea) returns int2
language plpgsql %PINNED% set lock_timeout = '3s' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_live record;
  v_task record;
begin
  loop
    select v.state, v.run_at into v_live from live v where v.id = p_id for update;
    exit when found;
    if exists (select from outcome o where o.id = p_id) then return 3; end if;
    -- it was neither here nor there if it was given a new life between the two looks
    if not exists (select from task t where t.id = p_id) then return 0; end if;
  end loop;
  if v_live.state in (1, 2) then return 2; end if;
  select t.*, l.queue, l.priority into v_task from task t join lane l on l.id = t.lane where t.id = p_id;
  perform rewrite(p_id,
    case when p_change ? 'priority' then ensure_lane(v_task.queue, (p_change->>'priority')::int2) else v_task.lane end,
    case when p_change->'due' ? 'at' then to_timestamp((p_change->'due'->>'at')::float8 / 1000.0)
         when p_change ? 'due' then v_now + greatest(0, (p_change->'due'->>'afterMs')::float8) * interval '1 millisecond'
         else v_live.run_at end,
    case when p_change ? 'maxAttempts' then (p_change->>'maxAttempts')::int2 else v_task.max_attempts end,
    coalesce(p_codec, v_task.codec), coalesce(p_payload, v_task.payload),
    case when p_change ? 'metadata' then nullif(p_change->'metadata', 'null') else v_task.metadata end,
    nullif(jsonb_strip_nulls(limits_at(coalesce(v_task.limits, '{}') || coalesce(p_change->'limits', '{}'), v_now)), '{}'));
  perform pg_notify(%CHANNEL%, v_task.queue);
  return 1;
${namingHeld('array[p_id]')}
end $$;

-- Ends tasks that wait and notes those that are held; steps that wait are noted and due, to be ended by who claims them. p_ids are distinct and sorted. Those not returned are unknown.
create function cancel(p_ids uuid[], p_error jsonb) returns table (id uuid, answer int2)
language plpgsql %PINNED% set lock_timeout = '3s' as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_news int4[];
  v_due int4[];
  v_ended uuid[];
begin
  -- those held first: their settlement may want a key that a push holds, and that push what waits
  perform from unnest(p_ids) as s(id) join live v on v.id = any (array[s.id]) and v.state in (1, 2) for update of v;
  perform from unnest(p_ids) as s(id) join live v on v.id = any (array[s.id]) for update of v;
  with ended as (
    delete from live v using unnest(p_ids) as s(id) where v.id = any (array[s.id]) and v.state in (0, 3) and not v.step
    returning v.id, v.lane, v.token, v.state, v.attempt, v.crashes, v.run_at
  ), kept as (
    insert into outcome (id, lane, status, attempt, crashes, token, run_at, finished_at, error, settled)
      select e.id, e.lane, 6, e.attempt, e.crashes, 0, e.run_at, v_now, p_error, nullif(e.token, 0) from ended e
  ), tallied as (
    insert into tally (lane, minute, cancelled, unfinished, failing)
      select e.lane, minute_of(v_now), count(*), -count(*), -count(*) filter (where e.state = 3) from ended e group by e.lane
  )
  select coalesce(array_agg(e.id), '{}') into v_ended from ended e;

  with asked as (
    update live v set cancelling = true from unnest(p_ids) as s(id)
     where v.id = any (array[s.id]) and (v.state in (1, 2) or v.step) and not v.cancelling returning v.id, v.lane
  ), noted as (
    insert into cancellation as x (id, error, at) select a.id, p_error, v_now from asked a
      on conflict (id) do update set error = excluded.error, at = excluded.at
  )
  select array_agg(distinct a.lane) into v_news from asked a;
  perform pg_notify(%CHANNEL%, %NEWS% || q.queue) from (select distinct l.queue from lane l where l.id = any (v_news)) as q;

  with hastened as (
    update live v set run_at = v_now from unnest(p_ids) as s(id)
     where v.id = any (array[s.id]) and v.step and v.state in (0, 3) and v.run_at > v_now returning v.lane
  )
  select array_agg(distinct h.lane) into v_due from hastened h;
  perform pg_notify(%CHANNEL%, q.queue) from (select distinct l.queue from lane l where l.id = any (v_due)) as q;

  return query select e.id, 1::int2 from unnest(v_ended) as e(id);
  return query
    select s.id, case when v.id is not null then 4 else 3 end::int2
      from unnest(p_ids) as s(id)
      left join lateral (select v.id from live v where v.id = s.id offset 0) as v on true
      left join lateral (select o.id from outcome o where o.id = s.id offset 0) as o on true
     where (v.id is not null or o.id is not null) and not (s.id = any (v_ended));
${namingHeld('p_ids')}
end $$;

-- Gives tasks that have ended a new life: those that are steps, or those that are none.
create function revive(p_ids uuid[], p_steps boolean) returns table (id uuid)
language plpgsql as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
begin
  return query
    with gone as (
      delete from outcome o using unnest(p_ids) as s(id) where o.id = any (array[s.id]) and o.step = p_steps returning o.*
    ), kept as (
      insert into attempt (id, token, lane, attempt, result, worker, ran_ms, ended_at, error)
        select g.id, g.token, g.lane, g.attempt, g.status, g.worker, g.ran_ms, g.finished_at, g.error from gone g where g.token <> 0
      on conflict do nothing
    ), living as (
      insert into live (id, lane, run_at, token, step, error)
        select g.id, t.lane, v_now, coalesce(g.settled, 0), g.step, g.error from gone g join task t on t.id = any (array[g.id])
      returning live.id, live.lane
    ), freed as (
      update task t set limits = nullif(t.limits - 'deadline', '{}')
        from gone g where t.id = any (array[g.id]) and (t.limits->>'deadline')::float8 <= date_part('epoch', v_now) * 1000
    ), forgotten as (
      delete from cancellation x using gone g where x.id = any (array[g.id])
    ), moves as (
      select g.lane, 0 as n, g.status from gone g union all select l.lane, 1, null from living l
    ), tallied as (
      insert into tally (lane, minute, unfinished, gone)
        select m.lane, minute_of(v_now), sum(m.n),
               array[count(*) filter (where m.status = 4), count(*) filter (where m.status = 5), count(*) filter (where m.status = 6)]
          from moves m group by m.lane
    )
    select l.id from living l;
end $$;

-- Tasks that wait are due now; those that ended live again. p_ids are distinct and sorted. Those not returned are unknown.
-- Answers 1 resumed, 2 busy: held, or a step.
create function resume_tasks(p_ids uuid[]) returns table (id uuid, answer int2)
language plpgsql %PINNED% set lock_timeout = '3s' as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_lanes int4[];
begin
  perform from unnest(p_ids) as s(id) join live v on v.id = any (array[s.id]) for update of v;
  perform from unnest(p_ids) as s(id) join outcome o on o.id = any (array[s.id]) for update of o;
  return query
    select v.id, case when v.state in (0, 3) and not v.step then 1 else 2 end::int2
      from unnest(p_ids) as s(id) join live v on v.id = any (array[s.id])
    union all
    select o.id, 2::int2 from unnest(p_ids) as s(id) join outcome o on o.id = any (array[s.id]) and o.step;
  update live v set run_at = v_now
    from unnest(p_ids) as s(id)
   cross join lateral (select w.ctid, w.state, w.run_at from live w where w.id = s.id and not w.step offset 0) as w
   where v.ctid = w.ctid and w.state in (0, 3) and w.run_at > v_now;
  return query select r.id, 1::int2 from revive(p_ids, false) as r;

  select array_agg(distinct v.lane) into v_lanes
    from unnest(p_ids) as s(id) cross join lateral (select v.lane, v.state from live v where v.id = s.id and not v.step offset 0) as v
   where v.state in (0, 3);
  perform pg_notify(%CHANNEL%, q.queue) from (select distinct l.queue from lane l where l.id = any (v_lanes)) as q;
${namingHeld('p_ids')}
end $$;

create function pause_queue(p_queue text, p_by text, p_reason text) returns void
language plpgsql %PINNED% as $$
begin
  perform ensure_lane(p_queue, 0::int2);
  insert into pause (queue, at, by, reason) values (p_queue, clock_timestamp(), p_by, p_reason) on conflict do nothing;
  if found then perform pg_notify(%CHANNEL%, %NEWS% || p_queue); end if;
end $$;

create function resume_queue(p_queue text) returns void
language plpgsql %PINNED% as $$
begin
  delete from pause where queue = p_queue;
  if found then
    perform pg_notify(%CHANNEL%, %NEWS% || p_queue);
    perform pg_notify(%CHANNEL%, p_queue);
  end if;
end $$;

-- p_command: 0 work, 1 pause, 2 stop. False when the instance is not registered.
create function command_worker(p_id uuid, p_command int2) returns boolean
language plpgsql %PINNED% as $$
declare
  v_queues text[];
begin
  update instance set command = p_command where id = p_id and not gone returning queues into v_queues;
  perform pg_notify(%CHANNEL%, %NEWS% || q) from unnest(v_queues) as q;
  return v_queues is not null;
end $$;
`
