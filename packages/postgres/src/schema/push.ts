/** `push`: stores a batch of tasks, all or none, and announces their queues once each. */
export const push = `
-- Makes a queue at a priority known. Producers call it before their own transaction, so that two
-- long transactions never wait for each other over a queue's first task.
create function ensure_lane(p_queue text, p_priority int2, p_quarantine boolean default false) returns int4
language plpgsql %PINNED% as $$
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

-- What an idempotency key stands for. No codec tag holds a NUL.
create function digest_of(p_codec text, p_payload bytea) returns bytea
language sql immutable as $$ select sha256(convert_to(p_codec, 'UTF8') || decode('00', 'hex') || p_payload) $$;

-- Arrays run in parallel; a null array stands for nulls. Ids are distinct, keys distinct per queue.
-- p_at: milliseconds since the epoch; p_delay: milliseconds from now; both null: now.
-- p_skip_conflicts: a key used with another payload is a duplicate instead of an error (follow-on tasks).
-- Returns only the tasks that existed already, with the id that exists.
create function push(
  p_ids uuid[], p_lanes int4[], p_at float8[], p_delay float8[], p_max_attempts int2[],
  p_codecs text[], p_payloads bytea[], p_keys text[], p_metadata jsonb[], p_skip_conflicts boolean default false
) returns table (ord int4, existing uuid)
language plpgsql %PLAIN% as $$
declare
  v_now timestamptz := clock_timestamp();
  v_key record;
  v_ids uuid[] := p_ids;
  v_all boolean := true;
  v_created uuid[];
begin
  if p_keys is not null then
    insert into idempotency (queue, key, id, digest)
      select l.queue, s.key, s.id, digest_of(s.codec, s.payload)
        from unnest(p_ids, p_lanes, p_keys, p_codecs, p_payloads) as s(id, lane, key, codec, payload)
        join lane l on l.id = s.lane
       where s.key is not null
       order by l.queue, s.key
      on conflict do nothing;
    -- the lateral with offset 0 keeps each look-up one probe of the whole key: the planner would take the queue alone
    for v_key in
      select s.ord::int4 as ord, s.id, s.key, l.queue, i.id as existing, i.digest <> digest_of(s.codec, s.payload) as differs
        from unnest(p_ids, p_lanes, p_keys, p_codecs, p_payloads) with ordinality as s(id, lane, key, codec, payload, ord)
        join lane l on l.id = s.lane
        cross join lateral (select x.id, x.digest from idempotency x where (x.queue, x.key) = (l.queue, s.key) offset 0) as i
       where s.key is not null and (i.id <> s.id or i.digest <> digest_of(s.codec, s.payload))
    loop
      if v_key.differs and not p_skip_conflicts then
        raise exception 'idempotency key "%" was used in queue "%" with another payload', v_key.key, v_key.queue using errcode = 'Q0001';
      end if;
      if v_key.existing <> v_key.id then
        v_all := false;
        v_ids := array_remove(v_ids, v_key.id);
        ord := v_key.ord; existing := v_key.existing;
        return next;
      end if;
    end loop;
  end if;

  with stored as (
    insert into task (id, lane, created_at, max_attempts, codec, payload, metadata)
      select s.id, s.lane, v_now, s.max_attempts, s.codec, s.payload, s.metadata
        from unnest(p_ids, p_lanes, p_max_attempts, p_codecs, p_payloads, p_metadata)
          as s(id, lane, max_attempts, codec, payload, metadata)
       where v_all or s.id = any (v_ids)
      on conflict (id) do nothing
      returning id
  )
  select coalesce(array_agg(id), '{}') into v_created from stored;

  v_all := cardinality(v_created) = cardinality(p_ids);
  insert into live (id, lane, run_at)
    select s.id, s.lane,
           case when s.at is not null then to_timestamp(s.at / 1000.0)
                when s.delay > 0 then v_now + s.delay * interval '1 millisecond'
                else v_now end
      from unnest(p_ids, p_lanes, p_at, p_delay) as s(id, lane, at, delay)
     where v_all or s.id = any (v_created);

  if cardinality(v_created) > 0 then
    perform pg_notify(%CHANNEL%, q.queue)
       from (select distinct l.queue
               from (select distinct lane from unnest(p_lanes) as lane) as s
               join lane l on l.id = s.lane) as q;
  end if;

  if cardinality(v_created) < cardinality(v_ids) then
    return query
      select s.ord::int4, s.id
        from unnest(p_ids) with ordinality as s(id, ord)
       where s.id = any (v_ids) and not (s.id = any (v_created));
  end if;
end $$;
`
