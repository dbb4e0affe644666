/** `settle`: the only way a claimed task changes hands. Fenced by token, each settlement on its own. */
export const settle = `
-- p_kinds: 3 failed, 4 done, 5 killed, 6 cancelled, 7 released, 8 deferred, 9 progress.
-- p_ids are distinct and sorted, so that rows are always locked in the same order.
-- p_delays: milliseconds until a failed or deferred task is due again. p_bytes: result or checkpoint.
-- p_done_claims: claims of which nothing is left. p_follow_*: follow-on tasks, p_follow_of names the
-- settlement (from 1) that each belongs to.
-- Returns only the settlements that were not applied: 1 already, 2 stale.
create function settle(
  p_ids uuid[], p_tokens int8[], p_kinds int2[], p_delays float8[], p_codecs text[], p_bytes bytea[], p_errors jsonb[],
  p_done_claims int8[],
  p_follow_of int4[] default null, p_follow_ids uuid[] default null, p_follow_lanes int4[] default null,
  p_follow_at float8[] default null, p_follow_delay float8[] default null, p_follow_max_attempts int2[] default null,
  p_follow_codecs text[] default null, p_follow_payloads bytea[] default null, p_follow_keys text[] default null,
  p_follow_metadata jsonb[] default null
) returns table (ord int4, answer int4)
language plpgsql %PINNED% as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_applied int4[];
  v_returned int4[];
begin
  with s as materialized (
    select * from unnest(p_ids, p_tokens, p_kinds, p_delays, p_codecs, p_bytes, p_errors)
      with ordinality as s(id, token, kind, delay, codec, bytes, error, ord)
  ), ended as (
    delete from live v using s
     where v.id = s.id and v.token = s.token and v.state in (1, 2) and s.kind between 4 and 6
    returning s.ord, v.id, v.lane, s.kind, v.attempt, v.crashes, v.token, v.run_at, s.codec, s.bytes, s.error
  ), kept as (
    insert into outcome (id, lane, status, attempt, crashes, token, run_at, finished_at, codec, result, error)
      select id, lane, kind, attempt, crashes, token, run_at, v_now, codec, bytes, error from ended
  ), changed as (
    update live v set
        state = case s.kind when 3 then 3 when 9 then v.state else case when v.attempt > 1 or v.crashes > 0 then 3 else 0 end end,
        attempt = case when s.kind in (7, 8) then v.attempt - 1 else v.attempt end,
        run_at = case when s.kind in (3, 8) then v_now + s.delay * interval '1 millisecond' else v.run_at end,
        error = case when s.kind = 3 then s.error else v.error end,
        checkpoint = case when s.kind = 9 then s.bytes else v.checkpoint end
      from s
     where v.id = s.id and v.token = s.token and v.state in (1, 2) and s.kind not between 4 and 6
    returning s.ord, s.kind, v.lane
  )
  select coalesce(array_agg(a.ord), '{}'), array_agg(distinct a.lane) filter (where a.back) into v_applied, v_returned
    from (select ord::int4, null::int4 as lane, false as back from ended
          union all select ord::int4, lane, kind <> 9 from changed) as a;

  if cardinality(p_done_claims) > 0 then
    delete from claim c where c.token = any (p_done_claims);
  end if;

  if v_returned is not null then
    perform pg_notify(%CHANNEL%, q.queue) from (select distinct l.queue from lane l where l.id = any (v_returned)) as q;
  end if;

  if p_follow_of is not null then
    -- of tasks with one id or one key only the first is stored, counting those whose settlement was applied
    perform from (
      select array_agg(f.id order by f.ord) as ids, array_agg(f.lane order by f.ord) as lanes,
             array_agg(f.at order by f.ord) as at, array_agg(f.delay order by f.ord) as delay,
             array_agg(f.max_attempts order by f.ord) as max_attempts, array_agg(f.codec order by f.ord) as codecs,
             array_agg(f.payload order by f.ord) as payloads,
             case when count(f.key) > 0 then array_agg(f.key order by f.ord) end as keys,
             array_agg(f.metadata order by f.ord) as metadata
        from (select f.*, row_number() over (partition by f.id order by f.ord) as of_id,
                     case when f.key is null then 1 else row_number() over (partition by l.queue, f.key order by f.ord) end as of_key
                from unnest(p_follow_of, p_follow_ids, p_follow_lanes, p_follow_at, p_follow_delay, p_follow_max_attempts,
                            p_follow_codecs, p_follow_payloads, p_follow_keys, p_follow_metadata) with ordinality
                  as f(parent, id, lane, at, delay, max_attempts, codec, payload, key, metadata, ord)
                join lane l on l.id = f.lane
               where f.parent = any (v_applied)) as f
       where f.of_id = 1 and f.of_key = 1
      having count(*) > 0
    ) as f, lateral push(f.ids, f.lanes, f.at, f.delay, f.max_attempts, f.codecs, f.payloads, f.keys, f.metadata, true);
  end if;

  if cardinality(v_applied) < cardinality(p_ids) then
    return query
      select s.ord::int4,
             case when exists (select from outcome o where o.id = s.id and o.token = s.token)
                    or exists (select from live v where v.id = s.id and v.token = s.token and v.state in (0, 3))
                  then 1 else 2 end
        from unnest(p_ids, p_tokens) with ordinality as s(id, token, ord)
       where not (s.ord = any (v_applied));
  end if;
end $$;
`
