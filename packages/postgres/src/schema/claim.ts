/** `claim`: hands due tasks to instances, in order, each batch under a token of its own. */
export const claim = `
-- One entry per instance and queue (arrays run in parallel); entries do not affect one another.
-- p_low_lanes/p_low_at: from where to look in a lane, milliseconds since the epoch. Entries of a lane before
-- that are known to be claimed or dead; callers leave the bound out now and then and look at everything.
-- Returns the tasks in claim order by entry. A row without an id speaks of its entry: token -1 says that the
-- instance is not registered; otherwise run_at is the span in milliseconds until the next task is due (0: now).
create function claim(p_instances uuid[], p_queues text[], p_limits int4[], p_low_lanes int4[], p_low_at float8[])
returns table (
  ord int4, id uuid, token int8, lane int4, priority int2, attempt int2, crashes int2, run_at float8,
  max_attempts int2, codec text, payload bytea, metadata jsonb, checkpoint bytea
)
language plpgsql %PINNED% as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_entry record;
  v_lane record;
  v_low timestamptz;
  v_rows tid[];
  v_left int4;
  v_token int8;
  v_next timestamptz;
  v_lane_next timestamptz;
begin
  -- A claim that a server crash forgets is a lease that ended early: the task is due again, and what the holder
  -- settles is stale. So a claim need not wait for the disk; settlements do.
  perform set_config('synchronous_commit', 'off', true);
  for v_entry in
    select e.ord::int4 as ord, e.instance, e.queue, e.lim
      from unnest(p_instances, p_queues, p_limits) with ordinality as e(instance, queue, lim, ord)
  loop
    -- key share: the sweep skips an instance that is claiming; a lease that ran out unnoticed starts again
    perform from instance i where i.id = v_entry.instance for key share;
    if not found then
      ord := v_entry.ord; id := null; token := -1;
      return next;
      continue;
    end if;
    update instance i set lease_until = v_now + i.lease_ms * interval '1 millisecond'
     where i.id = v_entry.instance and i.lease_until < v_now;

    v_left := v_entry.lim;
    v_next := null;
    for v_lane in
      select l.id, l.priority, l.quarantine from lane l
       where l.queue = v_entry.queue
       order by l.quarantine desc, l.priority desc
    loop
      v_low := (select to_timestamp(b.at / 1000.0) from unnest(p_low_lanes, p_low_at) as b(lane, at) where b.lane = v_lane.id limit 1);
      v_rows := array(
        select v.ctid from live v
         where v.lane = v_lane.id and v.run_at >= coalesce(v_low, '-infinity') and v.run_at <= v_now and v.state in (0, 3)
         order by v.run_at, v.id
         limit case when v_lane.quarantine then 1 else v_left end
           for update skip locked);
      if cardinality(v_rows) > 0 then
        v_token := new_token();
        return query
          with claimed as (
            update live v set token = v_token, state = 1, attempt = v.attempt + 1
             where v.ctid = any (v_rows)
            returning v.id, v.run_at, v.attempt, v.crashes, v.checkpoint
          ), held as (
            insert into claim (token, instance, ids) select v_token, v_entry.instance, array_agg(c.id order by c.id) from claimed c
          )
          select v_entry.ord, c.id, v_token, v_lane.id, v_lane.priority, c.attempt, c.crashes,
                 (extract(epoch from c.run_at) * 1000)::float8,
                 t.max_attempts, t.codec, t.payload, t.metadata, c.checkpoint
            from claimed c join task t on t.id = c.id
           order by c.run_at, c.id;
        v_left := case when v_lane.quarantine then 0 else v_left - cardinality(v_rows) end;
        exit when v_left <= 0;
      end if;
      select v.run_at into v_lane_next from live v
       where v.lane = v_lane.id and v.run_at > v_now order by v.run_at, v.id limit 1;
      v_next := least(v_next, v_lane_next);
    end loop;

    if v_left <= 0 or v_next is not null then
      ord := v_entry.ord; id := null; token := 0;
      run_at := case when v_left <= 0 then 0 else greatest(0, extract(epoch from v_next - clock_timestamp()) * 1000)::float8 end;
      return next;
    end if;
  end loop;
end $$;
`
