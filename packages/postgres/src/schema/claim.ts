/** `claim`: hands due tasks to instances, in order, each batch under a token of its own. */

const COLUMNS = `
  ord int4, id uuid, token int8, lane int4, priority int2, attempt int2, crashes int2, run_at float8, max_attempts int2,
  codec text, payload bytea, metadata jsonb, checkpoint bytea, timeout_ms float8, deadline_in_ms float8,
  run uuid, node text, index int4, workflow text, status int2, cancelling boolean
`
const LIMITS = `(t.limits->>'timeoutMs')::float8, (t.limits->>'deadline')::float8 - date_part('epoch', p_now) * 1000`
/** The step that a task is, of which workflow, and how its run stands. */
const STEP = 't.run, t.node, t.index, r.workflow, r.status'
const RUN = 'left join lateral (select r.workflow, r.status from run r where r.id = t.run offset 0) as r on true'
/** Places on disk of the first tasks of a lane that are due and meet a condition, locked, and how many failed before. */
const find = (where: string): string => `
        select array_agg(f.ctid), count(*) filter (where f.state = 3) into v_rows, v_failing
          from (select v.ctid, v.state from live v
                 where v.lane = v_lane.id and v.state in (0, 3) and ${where}
                 order by v.run_at, v.id limit v_left for update skip locked) as f;`

/** SQL of this file. */
export const claim: string = `
-- Takes the rows found (places on disk, locked) under one token and returns the tasks in order. p_failing: how many of them
-- failed before.
create function take(
  p_ord int4, p_rows tid[], p_failing int8, p_lane int4, p_priority int2, p_instance uuid, p_worker int4, p_now timestamptz
) returns table (${COLUMNS})
language plpgsql as $$
#variable_conflict use_column
declare
  v_token int8 := new_token();
  v_one record;
begin
  if p_failing > 0 then
    insert into tally (lane, minute, failing) values (p_lane, minute_of(p_now), -p_failing);
  end if;
  if cardinality(p_rows) = 1 then
    -- three small statements cost half of what one with three parts does
    update live v set token = v_token, state = 1, attempt = v.attempt + 1
     where v.ctid = p_rows[1]
    returning v.id, v.run_at, v.attempt, v.crashes, v.checkpoint, v.cancelling into v_one;
    insert into claim (token, instance, worker, lane, from_at, to_at, ids)
      values (v_token, p_instance, p_worker, p_lane, v_one.run_at, v_one.run_at, array[v_one.id]);
    return query
      select p_ord, v_one.id, v_token, p_lane, p_priority, v_one.attempt, v_one.crashes, (extract(epoch from v_one.run_at) * 1000)::float8,
             t.max_attempts, t.codec, t.payload, t.metadata, v_one.checkpoint, ${LIMITS},
             ${STEP}, v_one.cancelling
        from task t ${RUN} where t.id = v_one.id;
    return;
  end if;
  return query
    with claimed as (
      update live v set token = v_token, state = 1, attempt = v.attempt + 1
       where v.ctid = any (p_rows)
      returning v.id, v.run_at, v.attempt, v.crashes, v.checkpoint, v.cancelling
    ), held as (
      insert into claim (token, instance, worker, lane, from_at, to_at, ids)
        select v_token, p_instance, p_worker, p_lane, min(c.run_at), max(c.run_at), array_agg(c.id order by c.id) from claimed c
    )
    select p_ord, c.id, v_token, p_lane, p_priority, c.attempt, c.crashes, (extract(epoch from c.run_at) * 1000)::float8,
           t.max_attempts, t.codec, t.payload, t.metadata, c.checkpoint, ${LIMITS},
           ${STEP}, c.cancelling
      from claimed c join task t on t.id = any (array[c.id]) ${RUN}
     order by c.run_at, c.id;
end $$;

-- One entry per instance and queue (arrays run in parallel); entries do not affect one another.
-- p_low_lanes/p_low_at: from where to look in a lane, milliseconds since the epoch. Entries of a lane before
-- that are known to be claimed or dead; callers leave the bound out now and then and look at everything.
-- Returns the tasks in claim order by entry. A row without an id speaks of its entry: token -1 says that the
-- instance is not registered; otherwise run_at is the span in milliseconds until the next task is due (0: now).
create function claim(p_instances uuid[], p_queues text[], p_limits int4[], p_low_lanes int4[], p_low_at float8[])
returns table (${COLUMNS})
language plpgsql %PINNED% as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_lane record;
  v_rows tid[];
  v_failing int8;
  v_limit int4;
  v_left int4;
  v_worker int4;
  v_next timestamptz;
  -- a quarantined task that was met and may be next
  v_alone tid;
  v_alone_lane int4;
  v_alone_priority int2;
  v_alone_at timestamptz;
  v_alone_id uuid;
  v_text text;
begin
  -- A claim that a server crash forgets is a lease that ended early: the task is due again, and what the holder
  -- settles is stale. So a claim need not wait for the disk; settlements do. (An expression costs less than a statement.)
  v_text := set_config('synchronous_commit', 'off', true);
  for v_ord in 1 .. cardinality(p_instances) loop
    v_limit := p_limits[v_ord];
    v_left := v_limit;
    v_next := null;
    v_alone := null;
    -- key share: the sweep skips an instance that is claiming
    for v_lane in
      select l.id, l.priority, l.quarantine, i.worker, i.lease_until < v_now as late,
             (select v.run_at from live v where v.lane = l.id and v.run_at > v_now order by v.run_at, v.id limit 1) as next
        from instance i
        left join lane l on l.queue = p_queues[v_ord] and not exists (select from pause p where p.queue = p_queues[v_ord])
       where i.id = p_instances[v_ord] and not i.gone
       order by l.priority desc, l.quarantine desc
         for key share of i
    loop
      if v_lane.late then
        -- a lease that ran out unnoticed starts again
        update instance i set lease_until = v_now + i.lease_ms * interval '1 millisecond'
         where i.id = p_instances[v_ord] and i.lease_until < v_now;
      end if;
      exit when v_lane.id is null;
      v_worker := v_lane.worker;
      v_next := least(v_next, v_lane.next);

      -- a quarantined task comes alone and in its turn: what its own priority has before it goes first
      if v_alone is not null and v_lane.priority <> v_alone_priority then
        exit;
      elsif v_lane.quarantine then
        select v.ctid, v.run_at, v.id, v_lane.id, v_lane.priority into v_alone, v_alone_at, v_alone_id, v_alone_lane, v_alone_priority from live v
         where v.lane = v_lane.id and v.run_at <= v_now and v.state in (0, 3)
         order by v.run_at, v.id limit 1 for update skip locked;
        continue;
      end if;

      if v_alone is null then
${find(`v.run_at <= v_now
                   and v.run_at >= coalesce(to_timestamp(p_low_at[array_position(p_low_lanes, v_lane.id)] / 1000.0), '-infinity')`)}
      else
${find('(v.run_at, v.id) < (v_alone_at, v_alone_id)')}
      end if;
      if v_rows is not null then
        return query select * from take(v_ord, v_rows, v_failing, v_lane.id, v_lane.priority, p_instances[v_ord], v_worker, v_now);
        v_left := v_left - cardinality(v_rows);
        exit when v_left <= 0;
      end if;
    end loop;
    if not found then
      ord := v_ord; id := null; token := -1;
      return next;
      continue;
    end if;
    if v_alone is not null then
      if v_left = v_limit then
        return query select * from take(v_ord, array[v_alone], 1, v_alone_lane, v_alone_priority, p_instances[v_ord], v_worker, v_now);
      end if;
      v_left := 0;
    end if;

    if v_left <= 0 or v_next is not null then
      ord := v_ord; id := null; token := 0;
      run_at := case when v_left <= 0 then 0 else greatest(0, date_part('epoch', v_next - clock_timestamp()) * 1000) end;
      return next;
    end if;
  end loop;
end $$;
`
