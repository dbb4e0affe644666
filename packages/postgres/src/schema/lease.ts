/** Leases: how an instance lives, ends, and what happens to the tasks of one that died. */
export const lease = `
create function register(p_id uuid, p_name text, p_queues text[], p_lease_ms int4) returns void
language sql %PLAIN% as $$
  insert into instance (id, name, queues, lease_ms, started_at, beat_at, lease_until)
  values (p_id, p_name, p_queues, p_lease_ms, clock_timestamp(), clock_timestamp(), clock_timestamp() + p_lease_ms * interval '1 millisecond')
  on conflict (id) do update set beat_at = excluded.beat_at, lease_ms = excluded.lease_ms, lease_until = excluded.lease_until
$$;

-- Renews a lease, shows the named tasks as running, and returns those that are no longer held.
-- held is false when the instance is not registered (any more); nothing is changed then.
create function beat(p_id uuid, p_lease_ms int4, p_ids uuid[], p_tokens int8[]) returns table (held boolean, lost uuid[])
language plpgsql %PINNED% as $$
begin
  update instance set beat_at = clock_timestamp(), lease_ms = p_lease_ms,
                      lease_until = clock_timestamp() + p_lease_ms * interval '1 millisecond'
   where id = p_id;
  held := found;
  if held and cardinality(p_ids) > 0 then
    update live v set state = 2
      from unnest(p_ids, p_tokens) as s(id, token)
     where v.id = s.id and v.token = s.token and v.state = 1;
  end if;
  lost := array(
    select s.id from unnest(p_ids, p_tokens) as s(id, token)
     where not exists (select from live v where v.id = s.id and v.token = s.token and v.state in (1, 2)));
  return next;
end $$;

-- Gives back whatever an instance still holds, attempts returned, and forgets the instance. A claim of the instance
-- that is under way is waited for; one that comes later finds no instance and takes nothing.
create function deregister(p_id uuid) returns void
language plpgsql %PINNED% as $$
declare
  v_lanes int4[];
begin
  perform from instance where id = p_id for update;
  with given as (
    update live v set state = case when v.attempt > 1 or v.crashes > 0 then 3 else 0 end, attempt = v.attempt - 1,
                      token = new_token() -- what the instance settles after this is stale
      from claim c, unnest(c.ids) as held(id)
     where c.instance = p_id and v.id = held.id and v.token = c.token and v.state in (1, 2)
    returning v.lane
  )
  select array_agg(distinct lane) into v_lanes from given;
  delete from claim where instance = p_id;
  delete from instance where id = p_id;
  if v_lanes is not null then
    perform pg_notify(%CHANNEL%, q.queue) from (select distinct l.queue from lane l where l.id = any (v_lanes)) as q;
  end if;
end $$;

create function crash_error(p_attempt int4, p_max_attempts int4, p_crashes int4, p_budget int4) returns jsonb
language sql immutable as $$
  select jsonb_build_object('name', 'QError', 'code', 'ERR_CRASHED', 'message', format(
    'The lease of the worker ended while it held this task (attempt %s%s, crash %s%s).',
    p_attempt, ' of ' || p_max_attempts, p_crashes, case when p_crashes >= p_budget then '; that is the limit of ' || p_budget end))
$$;

-- Takes back the tasks of instances whose lease has ended. At most p_claims claimed batches per call.
create function sweep(p_claims int4, p_crash_budget int4, p_quarantine_at int4)
returns table (instances int4, recovered int4, killed int4, more boolean)
language plpgsql %PINNED% as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_instance record;
  v_claim record;
  v_lane record;
  v_left int4 := p_claims;
  v_count int4;
  v_lanes int4[] := '{}';
begin
  instances := 0; recovered := 0; killed := 0; more := false;
  for v_instance in
    select i.id from instance i where i.lease_until < v_now order by i.lease_until limit 100 for update skip locked
  loop
    for v_claim in select c.token, c.ids from claim c where c.instance = v_instance.id order by c.token loop
      if v_left = 0 then more := true; exit; end if;
      v_left := v_left - 1;

      with spent as (
        delete from live v using unnest(v_claim.ids) as held(id), task t
         where v.id = held.id and v.token = v_claim.token and v.state in (1, 2) and t.id = v.id
           and (v.attempt >= t.max_attempts or v.crashes + 1 >= p_crash_budget)
        returning v.id, v.lane, v.attempt, v.crashes, v.run_at, t.max_attempts
      )
      insert into outcome (id, lane, status, attempt, crashes, token, run_at, finished_at, error)
        select s.id, s.lane, 5, s.attempt, s.crashes + 1, 0, s.run_at, v_now,
               crash_error(s.attempt, s.max_attempts, s.crashes + 1, p_crash_budget)
          from spent s;
      get diagnostics v_count = row_count;
      killed := killed + v_count;

      -- a new token, so that the dead worker's settlements are stale
      with given as (
        update live v set state = 3, crashes = v.crashes + 1, token = new_token(), run_at = v_now,
                          error = crash_error(v.attempt, t.max_attempts, v.crashes + 1, p_crash_budget)
          from unnest(v_claim.ids) as held(id), task t
         where v.id = held.id and v.token = v_claim.token and v.state in (1, 2) and t.id = v.id
        returning v.lane
      )
      select count(*), v_lanes || coalesce(array_agg(distinct lane), '{}') into v_count, v_lanes from given;
      recovered := recovered + v_count;

      for v_lane in
        select l.queue, l.priority, array_agg(v.id) as ids
          from unnest(v_claim.ids) as held(id) join live v on v.id = held.id join lane l on l.id = v.lane
         where v.crashes >= p_quarantine_at and not l.quarantine and v.state = 3
         group by l.queue, l.priority
      loop
        update live v set lane = ensure_lane(v_lane.queue, v_lane.priority, true) where v.id = any (v_lane.ids);
      end loop;
      delete from claim c where c.token = v_claim.token;
    end loop;
    exit when more;
    delete from instance i where i.id = v_instance.id;
    instances := instances + 1;
  end loop;
  if cardinality(v_lanes) > 0 then
    perform pg_notify(%CHANNEL%, q.queue) from (select distinct l.queue from lane l where l.id = any (v_lanes)) as q;
  end if;
  return next;
end $$;
`
