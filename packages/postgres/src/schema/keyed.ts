/**
 * `push_keyed`: pushes of tasks with idempotency keys or unique keys.
 *
 * Everything that may wait for another transaction is locked first, and in one order: idempotency keys, unique keys,
 * then the waiting tasks that will be replaced, by id. What is left is stored by `push`.
 */

import { LANES_FIT } from './push.ts'

const columns = `p_ids uuid[], p_lanes int4[], p_at float8[], p_delay float8[], p_max_attempts int2[],
  p_codecs text[], p_payloads bytea[], p_metadata jsonb[], p_limits jsonb[],
  p_known int4[], p_queues text[], p_priorities int2[]`

/** SQL of this file. */
export const keyed: string = `
-- What an idempotency key stands for. No codec tag holds a NUL.
create function digest_of(p_codec text, p_payload bytea) returns bytea
language sql immutable as $$ select sha256(convert_to(p_codec, 'UTF8') || decode('00', 'hex') || p_payload) $$;

-- Puts other work in the place of a waiting task's, whose row the caller has locked.
create function rewrite(
  p_id uuid, p_lane int4, p_run_at timestamptz, p_max_attempts int2, p_codec text, p_payload bytea, p_metadata jsonb, p_limits jsonb
) returns void
language plpgsql as $$
declare
  v_old record;
  v_lane int4 := p_lane;
begin
  select v.lane, v.state, l.quarantine into v_old from live v join lane l on l.id = v.lane where v.id = p_id;
  if v_old.quarantine then
    select ensure_lane(l.queue, l.priority, true) into v_lane from lane l where l.id = p_lane;
  end if;
  update task set lane = p_lane, max_attempts = p_max_attempts, codec = p_codec, payload = p_payload, metadata = p_metadata,
                  limits = p_limits
   where id = p_id;
  update live set lane = v_lane, run_at = p_run_at where id = p_id;
  if v_lane <> v_old.lane then
    insert into tally (lane, minute, unfinished, failing)
      select m.lane, minute_of(clock_timestamp()), m.n, case when v_old.state = 3 then m.n else 0 end
        from (values (v_old.lane, -1), (v_lane, 1)) as m(lane, n);
  end if;
end $$;

-- Raises an error that says of each task that is to blame what is wrong: {id: sentence}.
create function refuse(p_code text, p_tasks jsonb) returns void
language plpgsql as $$
begin
  raise exception '%', (select string_agg(distinct r.value, ' and ') from (select * from jsonb_each_text(p_tasks) limit 3) as r)
    using errcode = p_code, detail = p_tasks::text;
end $$;

-- Which of some tasks have an id or a key that another transaction has taken and not ended: {id: sentence}. Looks at each
-- for a moment, and stops after a hundred. Keeps nothing.
create function held_keys(p_ids uuid[], p_lanes int4[], p_known int4[], p_queues text[], p_keys text[], p_uniques jsonb[]) returns jsonb
language plpgsql %PINNED% set lock_timeout = '10ms' as $$
declare
  v_row record;
  v_held text[] := '{}';
  v_tasks jsonb := '{}';
  v_at text;
begin
  for v_row in
    select s.id, s.lane, s.key, s.u, k.queue from unnest(p_ids, p_lanes, p_keys, p_uniques) as s(id, lane, key, u)
      join unnest(p_known, p_queues) as k(lane, queue) on k.lane = s.lane
  loop
    exit when cardinality(v_held) >= 100;
    v_at := null;
    begin
      if v_row.key is not null then
        v_at := format('key "%s" in queue "%s"', v_row.key, v_row.queue);
        if v_at = any (v_held) then raise lock_not_available; end if;
        insert into idempotency (queue, key, id, digest) values (v_row.queue, v_row.key, v_row.id, '') on conflict do nothing;
      end if;
      if v_row.u is not null then
        v_at := format('unique key "%s" in queue "%s"', v_row.u->>'key', v_row.queue);
        if v_at = any (v_held) then raise lock_not_available; end if;
        insert into uniqueness (queue, key, id, unfinished, until) values (v_row.queue, v_row.u->>'key', v_row.id, true, '-infinity') on conflict do nothing;
        perform from uniqueness x where (x.queue, x.key) = (v_row.queue, v_row.u->>'key') for update;
        if (v_row.u->>'replace')::boolean then
          perform from uniqueness x join live v on v.id = x.id
            where (x.queue, x.key) = (v_row.queue, v_row.u->>'key') and v.state in (0, 3) for update of v;
        end if;
      end if;
      v_at := format('id %s', v_row.id);
      insert into task (id, lane, created_at, codec, payload) values (v_row.id, v_row.lane, '-infinity', '', '') on conflict do nothing;
      raise exception using errcode = 'Q0000';
    exception
      when lock_not_available then
        v_held := v_held || v_at;
        v_tasks := v_tasks || jsonb_build_object(v_row.id, format('another transaction that is still open holds %s', v_at));
      when sqlstate 'Q0000' then null;
    end;
  end loop;
  return v_tasks;
end $$;

-- One round: ids, keys and unique keys are distinct. See push_keyed.
create function push_round(${columns}, p_keys text[], p_uniques jsonb[], p_skip_conflicts boolean)
returns table (ord int4, existing uuid, outcome int2)
language plpgsql as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_noted uuid[] := '{}';
  v_out uuid[] := '{}';
  v_wrong jsonb := '{}';
  v_row record;
  v_left record;
begin
  if p_keys is not null then
    -- a task whose id is known is a duplicate whatever its key: that key is not taken
    with noted as (
      insert into idempotency (queue, key, id, digest)
        select k.queue, s.key, s.id, digest_of(s.codec, s.payload)
          from unnest(p_ids, p_lanes, p_keys, p_codecs, p_payloads) as s(id, lane, key, codec, payload)
          join unnest(p_known, p_queues) as k(lane, queue) on k.lane = s.lane
         where s.key is not null and not exists (select from task t where t.id = s.id offset 0)
         order by k.queue, s.key
        on conflict do nothing
      returning id
    )
    select coalesce(array_agg(n.id), '{}') into v_noted from noted n;
    -- the lateral with offset 0 keeps each look-up one probe of the whole key: the planner would take the queue alone
    for v_row in
      select s.ord::int4 as ord, s.id, s.key, k.queue, i.id as existing, i.digest <> digest_of(s.codec, s.payload) as differs
        from unnest(p_ids, p_lanes, p_keys, p_codecs, p_payloads) with ordinality as s(id, lane, key, codec, payload, ord)
        join unnest(p_known, p_queues) as k(lane, queue) on k.lane = s.lane
        cross join lateral (select x.id, x.digest from idempotency x where (x.queue, x.key) = (k.queue, s.key) offset 0) as i
       where s.key is not null and (i.id <> s.id or i.digest <> digest_of(s.codec, s.payload))
    loop
      if v_row.differs and not p_skip_conflicts then
        v_wrong := v_wrong || jsonb_build_object(v_row.id, format('idempotency key "%s" was used in queue "%s" with another payload', v_row.key, v_row.queue));
      end if;
      if v_row.existing <> v_row.id then
        v_out := v_out || v_row.id;
        ord := v_row.ord; existing := v_row.existing; outcome := 1;
        return next;
      end if;
    end loop;
    if v_wrong <> '{}' then perform refuse('Q0001', v_wrong); end if;
  end if;

  if p_uniques is not null then
    insert into uniqueness (queue, key, id, unfinished, until)
      select k.queue, s.u->>'key', s.id, (s.u->>'unfinished')::boolean, v_now + (s.u->>'windowMs')::float8 * interval '1 millisecond'
        from unnest(p_ids, p_lanes, p_uniques) as s(id, lane, u)
        join unnest(p_known, p_queues) as k(lane, queue) on k.lane = s.lane
       where s.u is not null and not (s.id = any (v_out)) and not exists (select from task t where t.id = s.id offset 0)
         and not ((s.u->>'replace')::boolean and exists (select from replaced r where r.id = s.id offset 0))
       order by k.queue collate "C", (s.u->>'key') collate "C"
      -- taken or locked one by one, in this order; from here on nobody else decides about these keys
      on conflict (queue, key) do update set unfinished = excluded.unfinished where false;
    perform from (
        select u.id
          from unnest(p_lanes, p_uniques) as s(lane, u) join unnest(p_known, p_queues) as k(lane, queue) on k.lane = s.lane
          cross join lateral (select x.id from uniqueness x where (x.queue, x.key) = (k.queue, s.u->>'key') offset 0) as u
         where (s.u->>'replace')::boolean order by 1 offset 0
      ) as h cross join lateral (select from live v where v.id = h.id and v.state in (0, 3) for update) as waiting;

    -- a push that is sent again has had its effect
    for v_row in
      select s.ord::int4 as ord, s.id, r.task
        from unnest(p_ids, p_uniques) with ordinality as s(id, u, ord) join replaced r on r.id = any (array[s.id])
       where (s.u->>'replace')::boolean and not (s.id = any (v_out)) and not exists (select from task t where t.id = s.id offset 0)
    loop
      v_out := v_out || v_row.id;
      ord := v_row.ord; existing := v_row.task; outcome := 2;
      return next;
    end loop;

    for v_row in
      select s.ord::int4 as ord, s.id, k.queue, s.u, u.id as holder, v.id is not null and v.state in (0, 3) as waits,
             t.id is not null and (u.until > v_now or v.id is not null and (u.unfinished or v.state in (0, 3))) as holds
        from unnest(p_ids, p_lanes, p_uniques) with ordinality as s(id, lane, u, ord)
        join unnest(p_known, p_queues) as k(lane, queue) on k.lane = s.lane
        cross join lateral (select x.id, x.unfinished, x.until from uniqueness x where (x.queue, x.key) = (k.queue, s.u->>'key') offset 0) as u
        left join lateral (select t.id from task t where t.id = u.id offset 0) as t on true
        left join lateral (select v.id, v.state from live v where v.id = u.id offset 0) as v on true
       where s.u is not null and u.id <> s.id and not (s.id = any (v_out)) and not exists (select from task x where x.id = s.id offset 0)
    loop
      if v_row.holds and not (v_row.waits and (v_row.u->>'replace')::boolean) then
        v_out := v_out || v_row.id;
        ord := v_row.ord; existing := v_row.holder; outcome := 1;
        return next;
        continue;
      end if;
      update uniqueness x set id = case when v_row.holds then x.id else v_row.id end, unfinished = (v_row.u->>'unfinished')::boolean,
                              until = v_now + (v_row.u->>'windowMs')::float8 * interval '1 millisecond'
       where (x.queue, x.key) = (v_row.queue, v_row.u->>'key');
      continue when not v_row.holds;
      perform rewrite(v_row.holder, p_lanes[v_row.ord],
        case when p_at[v_row.ord] is not null then to_timestamp(p_at[v_row.ord] / 1000.0)
             else v_now + coalesce(greatest(0, p_delay[v_row.ord]), 0) * interval '1 millisecond' end,
        p_max_attempts[v_row.ord], p_codecs[v_row.ord], p_payloads[v_row.ord], p_metadata[v_row.ord],
        limits_at(p_limits[v_row.ord], v_now));
      insert into replaced (id, task, at) values (v_row.id, v_row.holder, v_now);
      v_out := v_out || v_row.id;
      ord := v_row.ord; existing := v_row.holder; outcome := 2;
      return next;
    end loop;
    perform pg_notify(%CHANNEL%, q) from unnest(p_queues) as q where cardinality(v_out) > 0;
    -- what was kept out leaves no key behind
    delete from idempotency i using unnest(p_ids, p_lanes, p_keys) as s(id, lane, key), unnest(p_known, p_queues) as k(lane, queue)
     where k.lane = s.lane and i.queue = any (array[k.queue]) and i.key = any (array[s.key]) and s.id = any (v_noted) and s.id = any (v_out);
  end if;

  if cardinality(v_out) = 0 then
    return query select * from push(p_ids, p_lanes, p_at, p_delay, p_max_attempts, p_codecs, p_payloads, p_metadata, p_limits,
                                    p_known, p_queues, p_priorities, true);
    return;
  end if;
  select array_agg(s.ord::int4 order by s.ord) as ords, array_agg(s.id order by s.ord) as ids, array_agg(s.lane order by s.ord) as lanes,
         array_agg(s.at order by s.ord) as at, array_agg(s.delay order by s.ord) as delay,
         array_agg(s.max_attempts order by s.ord) as max_attempts, array_agg(s.codec order by s.ord) as codecs,
         array_agg(s.payload order by s.ord) as payloads, array_agg(s.metadata order by s.ord) as metadata,
         array_agg(s.limits order by s.ord) as limits
    into v_left
    from unnest(p_ids, p_lanes, p_at, p_delay, p_max_attempts, p_codecs, p_payloads, p_metadata, p_limits) with ordinality
      as s(id, lane, at, delay, max_attempts, codec, payload, metadata, limits, ord)
   where not (s.id = any (v_out));
  if v_left.ids is null then return; end if;
  return query select v_left.ords[p.ord], p.existing, p.outcome
    from push(v_left.ids, v_left.lanes, v_left.at, v_left.delay, v_left.max_attempts, v_left.codecs, v_left.payloads,
              v_left.metadata, v_left.limits, p_known, p_queues, p_priorities, true) as p;
end $$;

-- Waits at most three seconds for keys that a transaction under way has taken. Raises, saying of each task that is to
-- blame what is wrong: Q0001 for a key that was used with another payload, Q0002 when it waited in vain.
-- As push; besides: p_uniques: {"key", "unfinished", "windowMs", "replace"}. p_rounds: null, or from 1: a task that shares its
-- id or a key with an earlier one is in a later round. p_skip_conflicts: a key used with another payload is a duplicate
-- instead of an error (follow-on tasks). outcome: 1 duplicate, 2 replaced.
create function push_keyed(${columns}, p_trusted boolean,
  p_keys text[], p_uniques jsonb[], p_rounds int4[], p_skip_conflicts boolean
) returns table (ord int4, existing uuid, outcome int2)
language plpgsql %PINNED% set lock_timeout = '3s' as $$
#variable_conflict use_column
declare
  v_round record;
  v_held jsonb;
begin
  if not (p_trusted or ${LANES_FIT}) then
    ord := 0;
    return next;
    return;
  end if;
  if p_rounds is null then
    return query select * from push_round(p_ids, p_lanes, p_at, p_delay, p_max_attempts, p_codecs, p_payloads, p_metadata, p_limits,
                                          p_known, p_queues, p_priorities, p_keys, p_uniques, p_skip_conflicts);
    return;
  end if;
  for v_round in
    select array_agg(s.ord::int4 order by s.ord) as ords, array_agg(s.id order by s.ord) as ids, array_agg(s.lane order by s.ord) as lanes,
           array_agg(s.at order by s.ord) as at, array_agg(s.delay order by s.ord) as delay,
           array_agg(s.max_attempts order by s.ord) as max_attempts, array_agg(s.codec order by s.ord) as codecs,
           array_agg(s.payload order by s.ord) as payloads, array_agg(s.metadata order by s.ord) as metadata,
           array_agg(s.limits order by s.ord) as limits, array_agg(s.key order by s.ord) as keys, array_agg(s.u order by s.ord) as uniques
      from unnest(p_ids, p_lanes, p_at, p_delay, p_max_attempts, p_codecs, p_payloads, p_metadata, p_limits, p_keys, p_uniques, p_rounds)
        with ordinality as s(id, lane, at, delay, max_attempts, codec, payload, metadata, limits, key, u, round, ord)
     group by s.round order by s.round
  loop
    return query select v_round.ords[p.ord], p.existing, p.outcome
      from push_round(v_round.ids, v_round.lanes, v_round.at, v_round.delay, v_round.max_attempts, v_round.codecs, v_round.payloads,
                      v_round.metadata, v_round.limits, p_known, p_queues, p_priorities, v_round.keys, v_round.uniques,
                      p_skip_conflicts) as p;
  end loop;
exception when lock_not_available then
  v_held := held_keys(p_ids, p_lanes, p_known, p_queues, p_keys, p_uniques);
  if v_held = '{}' then raise; end if;
  perform refuse('Q0002', v_held);
end $$;
`
