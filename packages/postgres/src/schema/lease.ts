/** Leases: how an instance lives, learns what concerns it, and leaves. What dead ones held is in sweep.ts. */

/** SQL of this file. */
export const lease: string = `
create function register(p_id uuid, p_name text, p_queues text[], p_lease_ms int4, p_about jsonb) returns void
language plpgsql %PINNED% as $$
declare
  v_until timestamptz := clock_timestamp() + p_lease_ms * interval '1 millisecond';
  v_worker int4;
begin
  update instance set beat_at = clock_timestamp(), lease_ms = p_lease_ms, lease_until = v_until where id = p_id and not gone;
  if found then return; end if;
  insert into worker as w (id, name, queues, about, started_at) values (p_id, p_name, p_queues, p_about, clock_timestamp())
    on conflict (id) do update set ended_at = null, lost = false
    returning w.number into v_worker;
  insert into instance (id, worker, queues, lease_ms, beat_at, lease_until)
    values (p_id, v_worker, p_queues, p_lease_ms, clock_timestamp(), v_until)
    on conflict (id) do update set beat_at = excluded.beat_at, lease_ms = excluded.lease_ms, lease_until = excluded.lease_until, gone = false;
end $$;

-- Renews a lease, shows the named tasks as running, and tells what became of them: lost are no longer held, cancelled shall
-- end. held is false when the instance is not registered (any more). Never waits for the row of a task.
create function beat(p_id uuid, p_lease_ms int4, p_ids uuid[], p_tokens int8[])
returns table (held boolean, lost uuid[], cancelled uuid[], paused text[], command int2)
language plpgsql %PINNED% as $$
#variable_conflict use_column
declare
  v_queues text[];
  v_queued uuid[];
begin
  update instance set beat_at = clock_timestamp(), lease_ms = p_lease_ms,
                      lease_until = clock_timestamp() + p_lease_ms * interval '1 millisecond'
   where id = p_id and not gone
  returning instance.queues, instance.command into v_queues, command;
  held := found;
  if cardinality(p_ids) > 0 then
    select array_agg(s.id) filter (where v.id is null), array_agg(v.id) filter (where v.cancelling), array_agg(v.id) filter (where v.state = 1)
      into lost, cancelled, v_queued
      from unnest(p_ids, p_tokens) as s(id, token)
      left join live v on v.id = any (array[s.id]) and v.token = s.token and v.state in (1, 2);
    if held and v_queued is not null then
      update live v set state = 2
       where v.ctid = any (array(
         select w.ctid from unnest(v_queued) as q(id) join live w on w.id = any (array[q.id]) and w.state = 1 for update of w skip locked));
    end if;
  end if;
  paused := array(select p.queue from pause p where p.queue = any (v_queues));
  return next;
end $$;

-- Gives back whatever an instance still holds, attempts returned, and forgets the instance. A claim of the instance
-- that is under way is waited for; one that comes later finds no instance and takes nothing. What a transaction that is
-- still open has locked is left to a later sweep.
create function deregister(p_id uuid) returns void
language plpgsql %PINNED% as $$
declare
  v_claim record;
  v_back record;
  v_lanes int4[] := '{}';
  v_stuck boolean := false;
begin
  perform from instance where id = p_id for update;
  for v_claim in select c.token, c.ids, c.worker from claim c where c.instance = p_id order by c.instance, c.token loop
    select * into v_back from take_back(v_claim.token, v_claim.ids, v_claim.worker, false, 0, 0);
    v_lanes := v_lanes || v_back.lanes;
    v_stuck := v_stuck or v_back.stuck;
  end loop;
  if v_stuck then
    update instance set gone = true, lease_until = '-infinity' where id = p_id;
  else
    delete from instance where id = p_id;
  end if;
  update worker set ended_at = clock_timestamp() where id = p_id and ended_at is null;
  perform pg_notify(%CHANNEL%, q.queue) from (select distinct l.queue from lane l where l.id = any (v_lanes)) as q;
end $$;
`
