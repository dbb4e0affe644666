/**
 * `settle_steps`: settlements that do something to a run. What they bring is stored if and only if they are applied.
 *
 * Everything is done for the whole batch at once; see run-tables.ts for the order of locks.
 */
import { LANES_FIT } from './push.ts'
import { runParameters, runValues, stepParameters, stepValues } from './steps.ts'

/** Later than anything that is waited for, and a moment that every language can name. */
const NEVER = `'9999-12-31 00:00:00+00'::timestamptz`

/** Whether a join is open with these counts. */
const opens = (arrived: string, done: string, failed: string, at: string): string =>
  `(${arrived} >= ${at}.opens_arrived or coalesce(${done} >= ${at}.opens_done, false) or coalesce(${failed} > ${at}.opens_failed, false))`

/** SQL of this file. */
export const settleSteps: string = `
-- For each part of a settlement whether that was applied; null when all were.
create function applied(p_of int4[], p_not int4[]) returns boolean[]
language sql immutable as $$
  select case when p_not is not null then array(select not (o.of = any (p_not)) from unnest(p_of) with ordinality as o(of, ord) order by o.ord) end
$$;

-- Stores those of some tasks that have a key, by push_keyed, and returns which are left, of p_only or, if that is null, of all.
create function store_keyed(
  p_ids uuid[], p_lanes int4[], p_at float8[], p_delay float8[], p_max_attempts int2[], p_codecs text[], p_payloads bytea[],
  p_metadata jsonb[], p_limits jsonb[], p_known int4[], p_queues text[], p_priorities int2[],
  p_keys text[], p_uniques jsonb[], p_rounds int4[], p_only boolean[]
) returns boolean[]
language plpgsql as $$
declare
  v_k record;
begin
  select array_agg(k.id) as ids, array_agg(k.lane) as lanes, array_agg(k.at) as at, array_agg(k.delay) as delay,
         array_agg(k.max_attempts) as max_attempts, array_agg(k.codec) as codecs, array_agg(k.payload) as payloads,
         array_agg(k.metadata) as metadata, array_agg(k.limits) as limits, array_agg(k.key) as keys, array_agg(k.u) as uniques,
         array_agg(coalesce(k.round, 1)) as rounds
    into v_k
    from (
      select * from unnest(p_ids, p_lanes, p_at, p_delay, p_max_attempts, p_codecs, p_payloads, p_metadata, p_limits, p_keys, p_uniques, p_rounds, p_only)
        with ordinality as k(id, lane, at, delay, max_attempts, codec, payload, metadata, limits, key, u, round, wanted, ord)
       where (k.key is not null or k.u is not null) and (p_only is null or k.wanted)
       order by k.ord) as k;
  if v_k.ids is not null then
    perform push_keyed(v_k.ids, v_k.lanes, v_k.at, v_k.delay, v_k.max_attempts, v_k.codecs, v_k.payloads, v_k.metadata, v_k.limits,
                       p_known, p_queues, p_priorities, true, v_k.keys, v_k.uniques, v_k.rounds, true);
  end if;
  return array(select k.key is null and k.u is null and (p_only is null or k.wanted)
                 from unnest(p_ids, p_keys, p_uniques, p_only) with ordinality as k(id, key, u, wanted, ord) order by k.ord);
end $$;

-- Counts arrivals at joins and returns the ids of those that open now.
create function count_arrivals(
  a_runs uuid[], a_ids uuid[], a_arrived int4[], a_done int4[], a_failed int4[],
  a_opens_arrived int4[], a_opens_done int4[], a_opens_failed int4[], p_only boolean[]
) returns uuid[]
language plpgsql as $$
#variable_conflict use_column
declare
  v_opened uuid[];
begin
  with given as materialized (
    select a.run, a.id, sum(a.arrived)::int4 as arrived, sum(a.done)::int4 as done, sum(a.failed)::int4 as failed,
           min(a.opens_arrived) as opens_arrived, min(a.opens_done) as opens_done, min(a.opens_failed) as opens_failed
      from unnest(a_runs, a_ids, a_arrived, a_done, a_failed, a_opens_arrived, a_opens_done, a_opens_failed, p_only)
        as a(run, id, arrived, done, failed, opens_arrived, opens_done, opens_failed, wanted)
     where (p_only is null or a.wanted) and exists (select from run r where r.id = a.run offset 0)
     group by a.run, a.id
     order by a.run, a.id
  ), counted as (
    insert into run_join as j (run, id, arrived, done, failed, opens_arrived, opens_done, opens_failed, opened)
      select g.run, g.id, g.arrived, g.done, g.failed, g.opens_arrived, g.opens_done, g.opens_failed,
             ${opens('g.arrived', 'g.done', 'g.failed', 'g')}
        from given g
    on conflict (run, id) do update set
        arrived = j.arrived + excluded.arrived, done = j.done + excluded.done, failed = j.failed + excluded.failed,
        opens_arrived = excluded.opens_arrived, opens_done = excluded.opens_done, opens_failed = excluded.opens_failed,
        opened = ${opens('j.arrived + excluded.arrived', 'j.done + excluded.done', 'j.failed + excluded.failed', 'excluded')}
      where not j.opened
    returning j.id, j.opened
  )
  select coalesce(array_agg(c.id) filter (where c.opened), '{}') into v_opened from counted c;
  return v_opened;
end $$;

-- What was settled waits for messages: due at once when there is one, when its run has ended or when somebody asked for its
-- end, otherwise at its moment. The caller has locked the runs.
create function start_listening(l_runs uuid[], l_ids uuid[], l_tokens int8[], l_names jsonb[], l_until float8[], p_only boolean[])
returns void
language plpgsql as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
begin
  with wish as materialized (
    select w.run, w.id, w.token, array(select jsonb_array_elements_text(w.names)) as names, w.until
      from unnest(l_runs, l_ids, l_tokens, l_names, l_until, p_only) as w(run, id, token, names, until, wanted)
     where p_only is null or w.wanted
  ), judged as materialized (
    select w.*, v.place,
           v.cancelling or r.finished_at is not null or exists (
             select from unnest(w.names) as n(name)
              cross join lateral (select from message m where m.run = w.run and m.name = n.name and m.taken is null limit 1) as m) as at_once
      from wish w
     cross join lateral (select r.finished_at from run r where r.id = w.run offset 0) as r
     cross join lateral (
       select v.ctid as place, v.cancelling from live v where v.id = w.id and v.token = w.token and v.state in (0, 3) offset 0) as v
  ), kept as (
    insert into listening (run, id, token, names)
      select j.run, j.id, j.token, j.names from judged j where not j.at_once and cardinality(j.names) > 0
    on conflict (run, id) do update set token = excluded.token, names = excluded.names
  )
  update live v set run_at = case when j.at_once then v_now when j.until is null then ${NEVER} else to_timestamp(j.until / 1000.0) end
    from judged j where v.ctid = j.place;
end $$;

-- As settle, for settlements of steps with what each does to a run; …_of names the settlement, from 1.
-- t: tasks to store. t_of: the settlement that each follows from; 0: the join it is opens; -n: the n-th run is started.
--    Ids are distinct. t_keys, t_uniques, t_rounds as in push_keyed.
-- a: arrivals at joins. n: runs to start. c: changes of runs, each run once, in the order of their ids; c_sets as in
-- change_runs. l: steps that will listen.
-- Waits at most two seconds, longer than a deadlock lasts, for what another transaction has locked; then nothing is changed.
-- One row with ord 0: a lane is not what the caller thinks, nothing was changed.
create function settle_steps(
  p_ids uuid[], p_tokens int8[], p_kinds int2[], p_ran int4[], p_delays float8[], p_codecs text[], p_bytes bytea[], p_errors jsonb[],
  p_prints text[], p_done_claims int8[],
  t_of int4[], ${stepParameters('t')},
  p_known int4[], p_queues text[], p_priorities int2[], p_trusted boolean, t_keys text[], t_uniques jsonb[], t_rounds int4[],
  a_of int4[], a_runs uuid[], a_ids uuid[], a_arrived int4[], a_done int4[], a_failed int4[],
  a_opens_arrived int4[], a_opens_done int4[], a_opens_failed int4[],
  n_of int4[], ${runParameters},
  c_of int4[], c_runs uuid[], c_statuses int2[], c_sets int2[], c_codecs text[], c_outputs bytea[], c_errors jsonb[],
  c_compensations int2[],
  l_of int4[], l_runs uuid[], l_names jsonb[], l_until float8[]
) returns table (ord int4, answer int4)
language plpgsql %PINNED% set lock_timeout = '2s' as $$
#variable_conflict use_column
declare
  v_row record;
  v_not int4[];
  v_opened uuid[];
  v_started int4[];
  v_only boolean[];
begin
  if t_ids is not null and not (p_trusted or ${LANES_FIT}) then
    ord := 0;
    return next;
    return;
  end if;
  for v_row in select * from settle(p_ids, p_tokens, p_kinds, p_ran, p_delays, p_codecs, p_bytes, p_errors, p_prints, p_done_claims) loop
    v_not := v_not || v_row.ord;
    ord := v_row.ord; answer := v_row.answer;
    return next;
  end loop;
  if cardinality(v_not) = cardinality(p_ids) then return; end if;

  if n_of is not null then
    v_started := store_runs(${runValues}, applied(n_of, v_not));
  end if;
  if a_of is not null then
    v_opened := count_arrivals(a_runs, a_ids, a_arrived, a_done, a_failed, a_opens_arrived, a_opens_done, a_opens_failed, applied(a_of, v_not));
  end if;
  if t_ids is not null then
    if v_not is not null or v_opened is not null or v_started is not null then
      v_only := array(
        select case when t.of > 0 then v_not is null or not (t.of = any (v_not))
                    when t.of = 0 then t.id = any (v_opened) else -t.of = any (v_started) end
          from unnest(t_of, t_ids) with ordinality as t(of, id, ord) order by t.ord);
    end if;
    if t_keys is not null or t_uniques is not null then
      v_only := store_keyed(t_ids, t_lanes, t_at, t_delay, t_max_attempts, t_codecs, t_payloads, t_metadata, t_limits,
                            p_known, p_queues, p_priorities, t_keys, t_uniques, t_rounds, v_only);
    end if;
    perform store_steps(${stepValues('t')}, p_queues, v_only);
  end if;
  if c_of is not null or l_of is not null then
    perform change_runs(c_runs, c_statuses, c_sets, c_codecs, c_outputs, c_errors, c_compensations, applied(c_of, v_not), l_runs);
  end if;
  if l_of is not null then
    perform start_listening(l_runs, array(select p_ids[l.of] from unnest(l_of) with ordinality as l(of, ord) order by l.ord),
                            array(select p_tokens[l.of] from unnest(l_of) with ordinality as l(of, ord) order by l.ord),
                            l_names, l_until, applied(l_of, v_not));
  end if;
end $$;
`
