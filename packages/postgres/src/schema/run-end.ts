/**
 * How runs change and end: what waits ends with them, and their parents hear of it.
 *
 * See run-tables.ts for the order of locks. These functions are called by others, whose settings they run under.
 */
import { cancelledError } from './words.ts'

/** Steps that one call ends of one run. */
const MOST_ENDED = 1_000

/** Whether a run may go from where it is to `to`: `RUN_TRANSITIONS` of core. */
const mayBecome = (from: string, to: string): string =>
  `(${from} = 0 or ${from} = 1 and ${to} = 4 or ${from} = 2 and ${to} = 5)`

/** What a step ends with whose run has ended, by the status of the run. */
const ENDED_WITH = ['done', 'failed', 'cancelled']
  .map((status, at) => {
    const error = JSON.stringify(cancelledError(`The run has ended: it is ${status}.`)).replaceAll("'", "''")
    return `when ${3 + at} then '${error}'::jsonb`
  })
  .join(' ')

/** Makes those due that wait for what they heard. */
const hasten = (locked: string): string => `
  with due as (
    update live v set run_at = v_now
     where v.ctid = any (array(
       select w.ctid from unnest(v_heard, v_tokens) as h(id, token)
        cross join lateral (select w.ctid from live w
                             where w.id = h.id and w.token = h.token and w.state in (0, 3) and w.run_at > v_now for update ${locked}) as w))
    returning v.lane
  )
  select array_agg(distinct d.lane) into v_lanes from due d;
  v_all := v_all || v_lanes;`

/** SQL of this file. */
export const runEnd: string = `
-- Ends waiting steps of runs that the caller has locked, as cancelled, up to ${MOST_ENDED} of each. What a claim has in its hands
-- right now is passed over: it is handed out. p_spare: the ids of some that stay, and those whose node starts with "$" do, if
-- it is not null. p_errors: what the steps of each run end with.
create function end_waiting(p_runs uuid[], p_errors jsonb[], p_spare uuid[]) returns void
language plpgsql as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_rows tid[];
  v_errors jsonb[];
  v_steps uuid[];
begin
  select array_agg(w.ctid), array_agg(e.error), array_agg(w.id) into v_rows, v_errors, v_steps
    from unnest(p_runs, p_errors) as e(run, error) cross join lateral (
      select v.ctid, v.id from task t join live v on v.id = any (array[t.id])
       where t.run = e.run and v.state in (0, 3) and (p_spare is null or t.node not like '$%' and not (t.id = any (p_spare)))
       limit ${MOST_ENDED} for update of v skip locked) as w;
  if v_rows is null then return; end if;
  with ended as (
    delete from live v using unnest(v_rows, v_errors) as w(at, error) where v.ctid = w.at
    returning v.id, v.lane, v.token, v.state, v.attempt, v.crashes, v.step, v.run_at, w.error
  ), kept as (
    insert into outcome (id, lane, status, attempt, crashes, step, token, run_at, finished_at, error, settled)
      select e.id, e.lane, 6, e.attempt, e.crashes, e.step, 0, e.run_at, v_now, e.error, nullif(e.token, 0) from ended e
  )
  insert into tally (lane, minute, cancelled, unfinished, failing)
    select e.lane, minute_of(v_now), count(*), -count(*), -count(*) filter (where e.state = 3) from ended e group by e.lane;
  delete from cancellation x where x.id = any (v_steps);
end $$;

-- Makes the steps due that wait for one of the messages just stored, each named with its run, which the caller has locked.
create function wake_listeners(p_runs uuid[], p_names text[]) returns void
language plpgsql as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_heard uuid[];
  v_tokens int8[];
  v_lanes int4[];
  v_all int4[] := '{}';
begin
  select array_agg(l.id), array_agg(l.token) into v_heard, v_tokens
    from unnest(p_runs, p_names) as m(run, name)
   cross join lateral (select l.id, l.token from listening l where l.run = m.run and m.name = any (l.names) offset 0) as l;
  if v_heard is null then return; end if;
  delete from listening l using unnest(p_runs) as m(run)
   where l.run = any (array[m.run]) and l.id = any (v_heard);
  -- A row that is locked and still waits is for a moment in the hands of a claim or of somebody's call, which never wait for a
  -- run. One that is held meanwhile might: so those are passed over first.
${hasten('skip locked')}
  if exists (
    select from unnest(v_heard, v_tokens) as h(id, token)
     cross join lateral (select from live w where w.id = h.id and w.token = h.token and w.state in (0, 3) and w.run_at > v_now offset 0) as w)
  then
${hasten('')}
  end if;
  perform pg_notify(%CHANNEL%, q.queue) from (select distinct l.queue from lane l where l.id = any (v_all)) as q;
end $$;

-- Changes runs, each named once and in the order of their ids, where they may go: see RUN_TRANSITIONS of core. p_sets: what is
-- given besides the status: 1 the output, 2 the error, 4 the compensation. p_only: which of them, null: all. p_listening: runs
-- that the caller will use, to be locked as well; null: none.
create function change_runs(
  p_runs uuid[], p_statuses int2[], p_sets int2[], p_codecs text[], p_outputs bytea[], p_errors jsonb[], p_compensations int2[],
  p_only boolean[], p_listening uuid[]
) returns void
language plpgsql as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_parents uuid[];
  v_ended uuid[];
  v_statuses int2[];
  v_told uuid[];
  v_names text[];
begin
  if p_statuses && '{3,4,5}' then
    select array_agg(r.parent_run) into v_parents
      from unnest(p_runs, p_only) as c(run, wanted)
     cross join lateral (select r.parent_run from run r where r.id = c.run and r.parent_run is not null offset 0) as r
     where p_only is null or c.wanted;
  end if;
  -- more than the rows that are changed: all in one order
  if v_parents is not null or p_listening is not null then
    perform from (select distinct u.id from unnest(p_runs || v_parents || p_listening) as u(id) order by u.id offset 0) as u
      cross join lateral (select from run r where r.id = u.id for update) as r;
  end if;
  if p_runs is null then return; end if;
  with changed as (
    update run r set
        status = c.status,
        output_codec = case when c.sets & 1 > 0 then c.codec else r.output_codec end,
        output = case when c.sets & 1 > 0 then c.output else r.output end,
        error = case when c.sets & 2 > 0 then c.error else r.error end,
        compensation = case when c.sets & 4 > 0 then c.compensation else r.compensation end,
        finished_at = case when c.status >= 3 then v_now end
      from unnest(p_runs, p_statuses, p_sets, p_codecs, p_outputs, p_errors, p_compensations, p_only)
        as c(run, status, sets, codec, output, error, compensation, wanted)
     where (p_only is null or c.wanted) and r.id = any (array[c.run]) and ${mayBecome('r.status', 'c.status')}
    returning r.id, r.status, r.parent_run
  )
  select array_agg(c.id), array_agg(c.status),
         array_agg(c.parent_run) filter (where c.parent_run is not null), array_agg('$run:' || c.id) filter (where c.parent_run is not null)
    into v_ended, v_statuses, v_told, v_names
    from changed c where c.status >= 3;
  if v_ended is null then return; end if;

  perform end_waiting(v_ended, array(select case s.status ${ENDED_WITH} end from unnest(v_statuses) as s(status)), null);
  delete from listening l where l.run = any (v_ended);
  if v_told is not null then
    insert into message (run, name)
      select m.run, m.name from unnest(v_told, v_names) as m(run, name) where exists (select from run r where r.id = m.run offset 0);
    perform wake_listeners(v_told, v_names);
  end if;
end $$;
`
