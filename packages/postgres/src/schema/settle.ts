/** `settle`: the only way a claimed task changes hands. Fenced by token, each settlement on its own. */
import { bucketSql, CANCELLED } from './words.ts'

/** The bucket of how long a task had been due when it was claimed. */
const waited = (token: string, runAt: string): string =>
  bucketSql(`(${token} >> 20) - date_part('epoch', ${runAt}) * 1000`)

/** SQL of this file. */
export const settle: string = `
-- p_kinds: 3 failed, 4 done, 5 killed, 6 cancelled, 7 released, 8 deferred, 9 progress.
-- p_ids are distinct and sorted, so that rows are always locked in the same order.
-- p_ran: milliseconds the attempt took. p_delays: milliseconds until a failed or deferred task is due again.
-- p_bytes: result or checkpoint. p_prints: fingerprints of p_errors. p_done_claims: claims of which nothing is left.
-- A task that somebody asked to cancel ends instead of going back; a step goes back, due at once if it failed.
-- Waits at most two seconds, longer than a deadlock lasts, for tasks that another transaction has locked; then nothing is changed.
-- Returns only the settlements that were not applied: 1 already, 2 stale.
create function settle(
  p_ids uuid[], p_tokens int8[], p_kinds int2[], p_ran int4[], p_delays float8[], p_codecs text[], p_bytes bytea[], p_errors jsonb[],
  p_prints text[], p_done_claims int8[]
) returns table (ord int4, answer int4)
language plpgsql %PINNED% set lock_timeout = '2s' as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_applied int4[];
  v_returned int4[];
  v_asked uuid[];
  v_gone uuid[];
  v_one record;
  -- most batches are of one claim
  v_worker int4 := (select c.worker from claim c where c.token = p_tokens[1]);
begin
  if cardinality(p_ids) = 1 and p_kinds[1] = 4 then
    -- small statements cost half of what one with many parts does
    delete from live v where v.id = p_ids[1] and v.token = p_tokens[1] and v.state in (1, 2)
    returning v.lane, v.attempt, v.crashes, v.step, v.run_at into v_one;
    if found then
      insert into outcome (id, lane, status, attempt, crashes, step, token, worker, ran_ms, run_at, finished_at, codec, result)
        values (p_ids[1], v_one.lane, 4, v_one.attempt, v_one.crashes, v_one.step, p_tokens[1], v_worker,
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
  -- Where some end and some do not, they are changed by two parts of a statement; and of those that somebody asked to cancel
  -- it is read why. So these are locked before, in order, and what is read is no older than they are.
  if not p_kinds <@ '{4,5}' and not p_kinds <@ '{9}' then
    select array_agg(v.id) filter (where v.cancelling and not v.step) into v_asked
      from unnest(p_ids, p_tokens) as s(id, token)
     cross join lateral (select v.id, v.cancelling, v.step from live v
                          where v.id = s.id and v.token = s.token and v.state in (1, 2) for update) as v;
  end if;
  with s as materialized (
    select s.id, s.token, case when s.kind in (3, 7, 8) and s.id = any (v_asked) then 6::int2 else s.kind end as kind, s.ran, s.delay,
           s.codec, s.bytes, s.error, s.print, s.ord::int4,
           case when s.token = p_tokens[1] then v_worker else (select c.worker from claim c where c.token = s.token) end as worker
      from unnest(p_ids, p_tokens, p_kinds, p_ran, p_delays, p_codecs, p_bytes, p_errors, p_prints)
        with ordinality as s(id, token, kind, ran, delay, codec, bytes, error, print, ord)
  ), ended as (
    delete from live v using s where v.id = any (array[s.id]) and v.token = s.token and v.state in (1, 2) and s.kind between 4 and 6
    returning s.ord, v.id, v.lane, s.kind, v.attempt, v.crashes, v.step, v.token, v.run_at, v.cancelling, s.worker, s.ran, s.codec, s.bytes,
              s.error, s.print
  ), kept as (
    insert into outcome (id, lane, status, attempt, crashes, step, token, worker, ran_ms, run_at, finished_at, codec, result, error)
      select id, lane, kind, attempt, crashes, step, token, worker, ran, run_at, v_now, codec, bytes,
             case when kind = 6 and cancelling
               then coalesce((select x.error from cancellation x where x.id = ended.id), ${CANCELLED}) else error end
        from ended
  ), changed as (
    update live v set
        state = case when s.kind = 9 then v.state when s.kind = 3 or v.attempt > 1 or v.crashes > 0 then 3 else 0 end,
        attempt = case when s.kind in (7, 8) then v.attempt - 1 else v.attempt end,
        run_at = case when s.kind = 3 and v.cancelling then v_now when s.kind in (3, 8) then v_now + s.delay * interval '1 millisecond' else v.run_at end,
        error = case when s.kind = 3 then s.error else v.error end,
        checkpoint = case when s.kind = 9 then s.bytes else v.checkpoint end
      from s join live o on o.id = any (array[s.id])
     where v.id = any (array[s.id]) and v.token = s.token and v.state in (1, 2) and s.kind not between 4 and 6
    returning s.ord, v.id, v.lane, s.kind, v.attempt, v.token, v.state, o.run_at, s.worker, s.ran, s.error, s.print
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
    select lane, kind, (state = 3)::int4, case when kind = 3 then ${bucketSql('ran')} end,
           case when kind = 3 then ${waited('token', 'run_at')} end
      from changed where kind <> 9 and state = 3
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
  select coalesce(array_agg(a.ord), '{}'), array_agg(distinct a.lane) filter (where a.back), array_agg(a.id) filter (where a.asked)
    into v_applied, v_returned, v_gone
    from (select ord, id, lane, false as back, cancelling as asked from ended
          union all
          select ord, id, lane, kind <> 9, false from changed) as a;

  if v_gone is not null then
    delete from cancellation x where x.id = any (v_gone);
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
             case when s.token = o.settled then 1
                  when s.token = o.token then case when a.result is null then 1 else 2 end
                  when a.result <> 10 or s.token = v.token then 1 else 2 end
        from unnest(p_ids, p_tokens) with ordinality as s(id, token, ord)
        left join lateral (select o.token, o.settled from outcome o where o.id = s.id offset 0) as o on true
        left join lateral (select a.result from attempt a where a.id = s.id and a.token = s.token offset 0) as a on true
        left join lateral (select v.token from live v where v.id = s.id and v.state in (0, 3) offset 0) as v on true
       where not (s.ord = any (v_applied));
  end if;
end $$;
`
