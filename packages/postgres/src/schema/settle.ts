/** `settle`: the only way a claimed task changes hands. Fenced by token, each settlement on its own. */
import { bucketSql, CANCELLED } from './words.ts'

/** The bucket of how long a task had been due when it was claimed. */
const waited = (token: string, runAt: string): string =>
  bucketSql(`(${token} >> 20) - date_part('epoch', ${runAt}) * 1000`)

/** SQL of this file. */
export const settle: string = `
-- p_kinds: 3 failed, 4 done, 5 killed, 6 cancelled, 7 released, 8 deferred, 9 progress.
-- p_ids are distinct and sorted, so that rows are always locked in the same order. p_mixed: some end and some do not, which
-- are changed by two parts of a statement, so that all are locked before.
-- p_ran: milliseconds the attempt took. p_delays: milliseconds until a failed or deferred task is due again.
-- p_bytes: result or checkpoint. p_prints: fingerprints of p_errors. p_done_claims: claims of which nothing is left.
-- A task that somebody asked to cancel ends instead of going back.
-- Returns only the settlements that were not applied: 1 already, 2 stale.
create function settle(
  p_ids uuid[], p_tokens int8[], p_kinds int2[], p_ran int4[], p_delays float8[], p_codecs text[], p_bytes bytea[], p_errors jsonb[],
  p_prints text[], p_done_claims int8[], p_mixed boolean
) returns table (ord int4, answer int4)
language plpgsql %PINNED% as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_applied int4[];
  v_returned int4[];
  v_cancelled uuid[];
  v_one record;
  -- most batches are of one claim
  v_worker int4 := (select c.worker from claim c where c.token = p_tokens[1]);
begin
  if cardinality(p_ids) = 1 and p_kinds[1] = 4 then
    -- small statements cost half of what one with many parts does
    delete from live v where v.id = p_ids[1] and v.token = p_tokens[1] and v.state in (1, 2)
    returning v.lane, v.attempt, v.crashes, v.run_at into v_one;
    if found then
      insert into outcome (id, lane, status, attempt, crashes, token, worker, ran_ms, run_at, finished_at, codec, result)
        values (p_ids[1], v_one.lane, 4, v_one.attempt, v_one.crashes, p_tokens[1], v_worker,
                p_ran[1], v_one.run_at, v_now, p_codecs[1], p_bytes[1]);
      insert into tally (lane, minute, done, unfinished, ran, waited)
        values (v_one.lane, minute_of(v_now), 1, -1, case when p_ran[1] is not null then array[32 | ${bucketSql('p_ran[1]')}] end,
                array[32 | ${waited('p_tokens[1]', 'v_one.run_at')}]);
      if cardinality(p_done_claims) > 0 then
        delete from claim c where c.token = p_done_claims[1];
      end if;
      return;
    end if;
  end if;
  if p_mixed then
    perform from unnest(p_ids, p_tokens) as s(id, token) join live v on v.id = s.id and v.token = s.token for update of v;
  end if;

  with s as materialized (
    select s.*, case when s.token = p_tokens[1] then v_worker else (select c.worker from claim c where c.token = s.token) end as worker
      from unnest(p_ids, p_tokens, p_kinds, p_ran, p_delays, p_codecs, p_bytes, p_errors, p_prints)
        with ordinality as s(id, token, kind, ran, delay, codec, bytes, error, print, ord)
  ), ended as (
    delete from live v using s
     where v.id = s.id and v.token = s.token and v.state in (1, 2) and s.kind between 4 and 6
    returning s.ord, v.id, v.lane, s.kind, v.attempt, v.crashes, v.token, v.run_at, v.cancelling, s.worker, s.ran, s.codec, s.bytes,
              s.error, s.print
  ), kept as (
    insert into outcome (id, lane, status, attempt, crashes, token, worker, ran_ms, run_at, finished_at, codec, result, error)
      select id, lane, kind, attempt, crashes, token, worker, ran, run_at, v_now, codec, bytes,
             case when kind = 6 and cancelling
               then coalesce((select x.error from cancellation x where x.id = ended.id), ${CANCELLED}) else error end
        from ended
  ), changed as (
    update live v set
        state = case when s.kind = 9 or v.cancelling then v.state when s.kind = 3 or v.attempt > 1 or v.crashes > 0 then 3 else 0 end,
        attempt = case when s.kind in (7, 8) and not v.cancelling then v.attempt - 1 else v.attempt end,
        run_at = case when s.kind in (3, 8) and not v.cancelling then v_now + s.delay * interval '1 millisecond' else v.run_at end,
        error = case when s.kind = 3 and not v.cancelling then s.error else v.error end,
        checkpoint = case when s.kind = 9 then s.bytes else v.checkpoint end
      from s join live o on o.id = s.id
     where v.id = s.id and v.token = s.token and v.state in (1, 2) and s.kind not between 4 and 6
    returning s.ord, v.id, v.lane, case when v.cancelling and s.kind <> 9 then 6::int2 else s.kind end as kind, s.kind as asked,
              v.attempt, v.token, v.state, o.run_at, s.worker, s.ran, s.error, s.print
  ), attempted as (
    insert into attempt (id, token, lane, attempt, result, worker, ran_ms, ended_at, error)
      select id, token, lane, attempt, 3, worker, ran, v_now, error from changed where kind = 3
  ), failed as (
    insert into failure (lane, fingerprint, at, n, sample, name, message)
      select f.lane, f.print, v_now, count(*), min(f.id::text)::uuid, min(f.error->>'name'), min(f.error->>'message')
        from (select lane, print, id, error from changed where kind = 3
              union all select lane, print, id, error from ended where kind = 5) as f
       where f.print is not null group by f.lane, f.print
  ), moves as (
    select lane, kind, 0 as failing, ${bucketSql('ran')} as ran, ${waited('token', 'run_at')} as waited
      from ended
    union all
    select lane, kind, (kind <> 6 and state = 3)::int4, case when kind in (3, 6) then ${bucketSql('ran')} end,
           case when kind in (3, 6) then ${waited('token', 'run_at')} end
      from changed where kind <> 9 and (kind in (3, 6) or state = 3)
  ), cells as (
    select lane, kind, ran, waited, count(*)::int4 as n, sum(failing) as failing from moves group by lane, kind, ran, waited
  ), tallied as (
    insert into tally (lane, minute, failed, done, killed, cancelled, unfinished, failing, ran, waited)
      select lane, minute_of(v_now), coalesce(sum(n) filter (where kind = 3), 0), coalesce(sum(n) filter (where kind = 4), 0),
             coalesce(sum(n) filter (where kind = 5), 0), coalesce(sum(n) filter (where kind = 6), 0),
             -coalesce(sum(n) filter (where kind between 4 and 6), 0), sum(failing),
             array_agg(n << 5 | ran) filter (where ran is not null), array_agg(n << 5 | waited) filter (where waited is not null)
        from cells group by lane
  )
  select coalesce(array_agg(a.ord), '{}'), array_agg(distinct a.lane) filter (where a.back), array_agg(a.id) filter (where a.cancelled)
    into v_applied, v_returned, v_cancelled
    from (select ord::int4, null::int4 as lane, null::uuid as id, false as back, false as cancelled from ended
          union all
          select ord::int4, lane, id, kind not in (6, 9), kind = 6 from changed) as a;

  if v_cancelled is not null then
    with gone as (
      delete from live v using unnest(v_cancelled) as c(id) where v.id = c.id
      returning v.id, v.lane, v.attempt, v.crashes, v.token, v.run_at
    ), told as (
      delete from cancellation x using unnest(v_cancelled) as c(id) where x.id = c.id returning x.id, x.error
    )
    insert into outcome (id, lane, status, attempt, crashes, token, worker, ran_ms, run_at, finished_at, error)
      select g.id, g.lane, 6, g.attempt, g.crashes, g.token, (select c.worker from claim c where c.token = g.token),
             (select s.ran from unnest(p_ids, p_ran) as s(id, ran) where s.id = g.id), g.run_at, v_now, coalesce(t.error, ${CANCELLED})
        from gone g left join told t on t.id = g.id;
  end if;

  if cardinality(p_done_claims) > 0 then
    delete from claim c where c.token = any (p_done_claims);
  end if;

  if v_returned is not null then
    perform pg_notify(%CHANNEL%, q.queue) from (select distinct l.queue from lane l where l.id = any (v_returned)) as q;
  end if;

  -- what a sweep took back and ended stands in both outcome and attempt: its holder did not settle it
  if cardinality(v_applied) < cardinality(p_ids) then
    return query
      select s.ord::int4,
             case when exists (select from outcome o where o.id = s.id and o.token = s.token)
                  then case when a.result is null then 1 else 2 end
                  when a.result <> 10 or exists (select from live v where v.id = s.id and v.token = s.token and v.state in (0, 3))
                  then 1 else 2 end
        from unnest(p_ids, p_tokens) with ordinality as s(id, token, ord)
        left join attempt a on a.id = s.id and a.token = s.token
       where not (s.ord = any (v_applied));
  end if;
end $$;
`
