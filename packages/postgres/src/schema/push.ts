/** `push`: stores a batch of tasks, all or none, and announces their queues once each. */

/**
 * Whether lanes that a process remembers are still what it thinks: the schema may have been made anew, or the server
 * may be a replica that never saw them.
 */
export const LANES_FIT: string = `(select count(*) = cardinality(p_known)
          from unnest(p_known, p_queues, p_priorities) as e(id, queue, priority)
          join lane l on l.id = e.id and l.queue = e.queue and l.priority = e.priority and not l.quarantine)`

/** Whether the only lane of a push is what the caller thinks. */
const ONE_LANE_FITS = `exists (select from lane l where l.id = p_known[1] and l.queue = p_queues[1] and l.priority = p_priorities[1] and not l.quarantine)`

/** When a task is due. */
export const runAt = (
  at: string,
  delay: string,
): string => `case when ${at} is not null then to_timestamp(${at} / 1000.0)
                when ${delay} > 0 then v_now + ${delay} * interval '1 millisecond'
                else v_now end`

/** SQL of this file. */
export const push: string = `
-- Makes a queue at a priority known. Producers call it before their own transaction, so that two
-- long transactions never wait for each other over a queue's first task. Whoever meets one that makes the same lane waits
-- for three seconds at most.
create function ensure_lane(p_queue text, p_priority int2, p_quarantine boolean default false) returns int4
language plpgsql %PINNED% set lock_timeout = '3s' as $$
declare
  v_id int4;
begin
  loop
    select id into v_id from lane where queue = p_queue and priority = p_priority and quarantine = p_quarantine;
    if found then return v_id; end if;
    insert into lane (queue, priority, quarantine) values (p_queue, p_priority, p_quarantine)
      on conflict do nothing returning id into v_id;
    if found then return v_id; end if;
  end loop;
end $$;

create function minute_of(p_at timestamptz) returns int4
language sql stable as $$ select floor(date_part('epoch', p_at) / 60)::int4 $$;

-- What a task's limits are at a moment: "afterMs" counts from then.
create function limits_at(p_limits jsonb, p_now timestamptz) returns jsonb
language sql stable as $$
  select case when p_limits ? 'afterMs'
    then (p_limits - 'afterMs') || jsonb_build_object('deadline', round(date_part('epoch', p_now) * 1000 + (p_limits->>'afterMs')::float8))
    else p_limits end
$$;

-- Arrays run in parallel; a null array stands for nulls. Ids are distinct.
-- p_at: milliseconds since the epoch; p_delay: milliseconds from now; both null: now.
-- p_known, p_queues, p_priorities: each lane of p_lanes once, with what it stands for. p_trusted: they were just looked up.
-- Returns only the tasks that existed already, with the id that exists. One row with ord 0: a lane is not what the caller
-- thinks, nothing was stored.
create function push(
  p_ids uuid[], p_lanes int4[], p_at float8[], p_delay float8[], p_max_attempts int2[],
  p_codecs text[], p_payloads bytea[], p_metadata jsonb[], p_limits jsonb[],
  p_known int4[], p_queues text[], p_priorities int2[], p_trusted boolean
) returns table (ord int4, existing uuid, outcome int2)
language plpgsql %PLAIN% as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_fits boolean := p_trusted;
  v_created uuid[];
  v_queue text;
begin
  if not v_fits and cardinality(p_known) > 1 then
    v_fits := ${LANES_FIT};
  end if;
  if cardinality(p_ids) = 1 then
    -- three small statements cost half of what one with three parts does
    insert into task (id, lane, created_at, max_attempts, codec, payload, metadata, limits)
      select p_ids[1], p_lanes[1], v_now, p_max_attempts[1], p_codecs[1], p_payloads[1], p_metadata[1], limits_at(p_limits[1], v_now)
       where v_fits or ${ONE_LANE_FITS}
    on conflict (id) do nothing;
    if found then
      insert into live (id, lane, run_at) values (p_ids[1], p_lanes[1], ${runAt('p_at[1]', 'p_delay[1]')});
      insert into tally (lane, minute, pushed, unfinished) values (p_lanes[1], minute_of(v_now), 1, 1);
      v_created := p_ids;
    end if;
  elsif v_fits or ${ONE_LANE_FITS} then
    with stored as (
      insert into task (id, lane, created_at, max_attempts, codec, payload, metadata, limits)
        select s.id, s.lane, v_now, s.max_attempts, s.codec, s.payload, s.metadata, limits_at(s.limits, v_now)
          from unnest(p_ids, p_lanes, p_max_attempts, p_codecs, p_payloads, p_metadata, p_limits)
            as s(id, lane, max_attempts, codec, payload, metadata, limits)
      on conflict (id) do nothing
      returning id, lane
    ), tallied as (
      insert into tally (lane, minute, pushed, unfinished) select lane, minute_of(v_now), count(*), count(*) from stored group by lane
    )
    select array_agg(c.id) into v_created from stored as c;
    insert into live (id, lane, run_at)
      select s.id, s.lane, ${runAt('s.at', 's.delay')}
        from unnest(p_ids, p_lanes, p_at, p_delay) as s(id, lane, at, delay)
       where cardinality(v_created) = cardinality(p_ids) or s.id in (select c.id from unnest(v_created) as c(id));
  end if;

  if v_created is not null then
    foreach v_queue in array p_queues loop
      -- an expression, not a statement: that costs a tenth
      if pg_notify(%CHANNEL%, v_queue) is null then null; end if;
    end loop;
    if cardinality(v_created) = cardinality(p_ids) then return; end if;
  elsif not (v_fits or ${ONE_LANE_FITS}) then
    ord := 0;
    return next;
    return;
  end if;
  return query
    select s.ord::int4, s.id, 1::int2
      from unnest(p_ids) with ordinality as s(id, ord)
     where not exists (select from unnest(v_created) as c(id) where c.id = s.id);
end $$;
`
