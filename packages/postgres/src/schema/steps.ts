/** How runs start, and how steps of runs and what else a settlement brings are stored. See run-tables.ts for the order of locks. */
import { LANES_FIT, runAt } from './push.ts'

/** Columns of tasks that may be steps, as parameters; `p` is a prefix. */
export const stepParameters = (
  p: string,
): string => `${p}_ids uuid[], ${p}_lanes int4[], ${p}_at float8[], ${p}_delay float8[],
  ${p}_max_attempts int2[], ${p}_codecs text[], ${p}_payloads bytea[], ${p}_metadata jsonb[], ${p}_limits jsonb[],
  ${p}_runs uuid[], ${p}_nodes text[], ${p}_indexes int4[]`
/** The same, passed on. */
export const stepValues = (p: string): string =>
  stepParameters(p).replaceAll(/ (?:uuid|int4|float8|int2|text|bytea|jsonb)\[\]/g, '')

/** Columns of runs, as parameters. */
export const runParameters: string = `n_ids uuid[], n_queues text[], n_workflows text[], n_versions text[], n_hashes text[], n_codecs text[], n_inputs bytea[],
  n_keys text[], n_metadata jsonb[], n_parents uuid[], n_waiting uuid[], n_at float8[], n_delay float8[]`
/** The same, passed on. */
export const runValues: string = runParameters.replaceAll(/ (?:uuid|float8|text|bytea|jsonb)\[\]/g, '')

/** SQL of this file. */
export const steps: string = `
-- Stores tasks, apart from those that exist: those with a run that is stored as its steps. Ids are distinct. p_only: which of
-- them, null: all. Announces p_queues if anything was stored. Under the caller's settings, who knows that the lanes fit.
create function store_steps(${stepParameters('p')}, p_queues text[], p_only boolean[]) returns void
language plpgsql as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_created uuid[];
  v_plain uuid[];
  v_queue text;
begin
  with stored as (
    insert into task (id, lane, created_at, max_attempts, codec, payload, metadata, limits, run, node, index)
      select s.id, s.lane, v_now, s.max_attempts, s.codec, s.payload, s.metadata, limits_at(s.limits, v_now),
             r.id, case when r.id is not null then s.node end, case when r.id is not null then s.index end
        from unnest(p_ids, p_lanes, p_max_attempts, p_codecs, p_payloads, p_metadata, p_limits, p_runs, p_nodes, p_indexes, p_only)
          as s(id, lane, max_attempts, codec, payload, metadata, limits, run, node, index, wanted)
        left join lateral (select r.id from run r where r.id = s.run offset 0) as r on true
       where p_only is null or s.wanted
    on conflict (id) do nothing
    returning id, lane, run
  ), tallied as (
    insert into tally (lane, minute, pushed, unfinished) select lane, minute_of(v_now), count(*), count(*) from stored group by lane
  )
  select array_agg(c.id), array_agg(c.id) filter (where c.run is null) into v_created, v_plain from stored as c;
  if v_created is null then return; end if;
  insert into live (id, lane, run_at, step)
    select s.id, s.lane, ${runAt('s.at', 's.delay')}, v_plain is null or not (s.id = any (v_plain))
      from unnest(p_ids, p_lanes, p_at, p_delay) as s(id, lane, at, delay)
     where cardinality(v_created) = cardinality(p_ids) or s.id = any (v_created);
  foreach v_queue in array p_queues loop
    if pg_notify(%CHANNEL%, v_queue) is null then null; end if;
  end loop;
end $$;

-- Stores runs, apart from those whose id or key exists. p_only: which of them, null: all. Returns the places, from 1, of those
-- that are new.
create function store_runs(${runParameters}, p_only boolean[]) returns int4[]
language plpgsql as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_created uuid[];
begin
  -- keys are taken in one order
  with stored as (
    insert into run (id, parent_run, parent_task, created_at, deadline, queue, workflow, version, hash, key, codec, input, metadata)
      select n.id, n.parent, n.waiting, v_now,
             case when n.at is not null then to_timestamp(n.at / 1000.0)
                  when n.delay is not null then v_now + n.delay * interval '1 millisecond' end,
             n.queue, n.workflow, n.version, n.hash, n.key, n.codec, n.input, n.metadata
        from unnest(${runValues}, p_only) with ordinality
          as n(id, queue, workflow, version, hash, codec, input, key, metadata, parent, waiting, at, delay, wanted, ord)
       where p_only is null or n.wanted
       order by n.queue, n.workflow, n.key, n.ord
    on conflict do nothing
    returning id
  )
  select array_agg(s.id) into v_created from stored s;
  if cardinality(v_created) = cardinality(n_ids) then
    return array(select generate_series(1, cardinality(n_ids)));
  end if;
  return array(select min(n.ord)::int4 from unnest(n_ids) with ordinality as n(id, ord) where n.id = any (v_created) group by n.id);
end $$;

-- As push_keyed, for tasks of which some are steps. Steps come with start_runs and settle_steps: this is for those that come another way.
create function push_steps(
  p_ids uuid[], p_lanes int4[], p_at float8[], p_delay float8[], p_max_attempts int2[],
  p_codecs text[], p_payloads bytea[], p_metadata jsonb[], p_limits jsonb[],
  p_known int4[], p_queues text[], p_priorities int2[], p_trusted boolean, p_keys text[], p_uniques jsonb[], p_rounds int4[],
  s_runs uuid[], s_nodes text[], s_indexes int4[]
) returns table (ord int4, existing uuid, outcome int2)
language plpgsql %PINNED% as $$
#variable_conflict use_column
declare
  v_row record;
  v_not int4[] := '{}';
begin
  for v_row in
    select * from push_keyed(p_ids, p_lanes, p_at, p_delay, p_max_attempts, p_codecs, p_payloads, p_metadata, p_limits,
                             p_known, p_queues, p_priorities, p_trusted, p_keys, p_uniques, p_rounds, false)
  loop
    ord := v_row.ord; existing := v_row.existing; outcome := v_row.outcome;
    return next;
    if ord = 0 then return; end if;
    v_not := v_not || ord;
  end loop;
  with noted as (
    update task t set run = s.run, node = s.node, index = s.index
      from unnest(p_ids, s_runs, s_nodes, s_indexes) with ordinality as s(id, run, node, index, ord)
     where t.id = any (array[s.id]) and not (s.ord = any (v_not)) and exists (select from run r where r.id = s.run offset 0)
    returning t.id
  )
  update live v set step = true from noted n where v.id = any (array[n.id]);
end $$;

-- Which of some runs another transaction has locked, or their parent, or one of their joins that are named (in parallel). Waits
-- for nobody.
create function locked_runs(p_runs uuid[], j_runs uuid[], j_ids uuid[]) returns uuid[]
language plpgsql %PINNED% as $$
declare
  v_parents uuid[] := array(
    select r.parent_run from unnest(p_runs) as s(id) cross join lateral (select r.parent_run from run r where r.id = s.id offset 0) as r
     where r.parent_run is not null);
  v_runs uuid[] := array(
    select r.id from unnest(p_runs || v_parents) as s(id) join run r on r.id = any (array[s.id]) for update of r skip locked);
  v_joins uuid[] := array(
    select j.id from unnest(j_runs, j_ids) as s(run, id) join run_join j on j.run = any (array[s.run]) and j.id = any (array[s.id])
       for update of j skip locked);
begin
  return array(
    select s.id from unnest(p_runs) as s(id) cross join lateral (select r.parent_run from run r where r.id = s.id offset 0) as r
     where not (s.id = any (v_runs))
        or not (r.parent_run = any (v_runs)) and exists (select from run p where p.id = r.parent_run offset 0)
    union
    select s.run from unnest(j_runs, j_ids) as s(run, id)
     where not (s.id = any (v_joins)) and exists (select from run_join j where j.run = s.run and j.id = s.id offset 0));
end $$;

-- Starts runs with their first steps. s_of: the place, from 1, of the run that each belongs to. Returns only the runs
-- that were not started, with the id that exists. One row with ord 0: a lane is not what the caller thinks, nothing was stored.
create function start_runs(
  ${runParameters},
  s_of int4[], ${stepParameters('s')},
  p_known int4[], p_queues text[], p_priorities int2[], p_trusted boolean
) returns table (ord int4, existing uuid)
language plpgsql %PINNED% set lock_timeout = '3s' as $$
#variable_conflict use_column
declare
  v_started int4[];
  v_all boolean;
  v_held jsonb;
begin
  if not (p_trusted or ${LANES_FIT}) then
    ord := 0;
    return next;
    return;
  end if;
  v_started := store_runs(${runValues}, null);
  v_all := cardinality(v_started) = cardinality(n_ids);
  if cardinality(s_ids) > 0 then
    perform store_steps(${stepValues('s')}, p_queues,
                        case when not v_all then array(select s.of = any (v_started) from unnest(s_of) with ordinality as s(of, ord) order by s.ord) end);
  end if;
  if v_all then return; end if;
  return query
    select n.ord::int4, coalesce(r.id, n.id)
      from unnest(n_ids, n_queues, n_workflows, n_keys) with ordinality as n(id, queue, workflow, key, ord)
      left join lateral (select r.id from run r where (r.queue, r.workflow, r.key) = (n.queue, n.workflow, n.key) offset 0) as r on true
     where not (n.ord = any (v_started));
exception when lock_not_available then
  v_held := held_run_keys(${runValues});
  if v_held = '{}' then raise; end if;
  perform refuse('Q0002', v_held);
end $$;

-- Which of some runs have an id or a key that another transaction has taken and not ended: {id: sentence}. Looks at each for a
-- moment. Keeps nothing.
create function held_run_keys(${runParameters}) returns jsonb
language plpgsql set lock_timeout = '10ms' as $$
declare
  v_at int4;
  v_held jsonb := '{}';
begin
  for v_at in 1 .. cardinality(n_ids) loop
    begin
      insert into run (id, created_at, queue, workflow, hash, key, codec, input)
        values (n_ids[v_at], '-infinity', n_queues[v_at], n_workflows[v_at], '', n_keys[v_at], '', '') on conflict do nothing;
      raise exception using errcode = 'Q0000';
    exception
      when lock_not_available then
        v_held := v_held || jsonb_build_object(n_ids[v_at], format('another transaction that is still open starts a run of workflow "%s" with the id %s%s',
          n_workflows[v_at], n_ids[v_at], ' or the key "' || n_keys[v_at] || '"'));
      when sqlstate 'Q0000' then null;
    end;
  end loop;
  return v_held;
end $$;
`
