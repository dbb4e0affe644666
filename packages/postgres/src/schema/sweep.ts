/** Takes tasks back from workers that left or died, and cleans up behind them. Never waits for the row of a task. */
import { heldBy } from './overview.ts'
import { bucketSql, CANCELLED, CRASH_PRINT, crashMessage } from './words.ts'

/** Rows `x` that come to stand for nothing. */
interface Kind {
  readonly table: string
  /** Its primary key, with the type and the least value of each column. */
  readonly key: readonly (readonly [name: string, type: string, least: string])[]
  /** What is changed when the row comes to stand for something again. */
  readonly stamp?: string
  readonly over: string
}

const NO_ID = '00000000-0000-0000-0000-000000000000'
const KINDS: readonly Kind[] = [
  { table: 'claim', key: [['token', 'int8', '-1']], over: `not exists (select from ${heldBy('x')} as v)` },
  {
    table: 'cancellation',
    key: [['id', 'uuid', NO_ID]],
    stamp: 'at',
    over: 'not exists (select from live v where v.id = x.id and v.cancelling offset 0)',
  },
  {
    table: 'place',
    key: [
      ['key', 'text', ''],
      ['id', 'uuid', NO_ID],
    ],
    stamp: 'token',
    over: 'not exists (select from live v where v.id = x.id and v.token = x.token and v.state in (1, 2) offset 0)',
  },
  { table: 'replaced', key: [['id', 'uuid', NO_ID]], over: "x.at < clock_timestamp() - interval '1 day'" },
]

/** Deletes those that are over among the next p_rows rows by key, and notes the last of them, or none at the end. */
function tidied({ table, key, stamp, over }: Kind): string {
  const names = key.map(([name]) => name)
  const after = key.map(([, type, least], at) => `coalesce(v_after->'${table}'->>${at}, '${least}')::${type}`)
  const same = [...names, ...(stamp === undefined ? [] : [stamp])].map((name) => `x.${name} = l.${name}`)
  return `
  with looked as materialized (
    select x.*, ${over} as over
      from (select x.* from ${table} x where (${names.join(', ')}) > (${after.join(', ')}) order by ${names.join(', ')} limit p_rows) as x
  ), gone as (
    delete from ${table} x using looked l where l.over and ${same.join(' and ')}
  )
  select count(*), count(*) filter (where l.over), (array_agg(jsonb_build_array(${names.map((name) => `l.${name}`).join(', ')})))[p_rows]
    into v_looked, v_over, v_last from looked l;
  more := more or v_over > p_rows / 2;
  v_next := v_next || jsonb_build_object('${table}', v_last);
`
}

/** SQL of this file. */
export const sweep: string = `
create function crash_error(p_attempt int4, p_max_attempts int4, p_crashes int4, p_budget int4) returns jsonb
language sql immutable as $$
  select jsonb_build_object('name', 'QError', 'code', 'ERR_CRASHED', 'fingerprint', '${CRASH_PRINT}', 'message', format(
    '${crashMessage('attempt %s%s, crash %s%s')}',
    p_attempt, ' of ' || p_max_attempts, p_crashes, case when p_crashes >= p_budget then '; that is the limit of ' || p_budget end))
$$;

-- Takes back what one claim still holds, apart from rows that somebody has locked (stuck), and forgets the claim when
-- nothing is left. p_crashed: the worker was lost; otherwise attempts are given back. Tasks that somebody asked to cancel end; steps of runs never do.
create function take_back(p_token int8, p_ids uuid[], p_worker int4, p_crashed boolean, p_crash_budget int4, p_quarantine_at int4)
returns table (recovered int4, killed int4, stuck boolean, lanes int4[])
language plpgsql as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_held uuid[];
begin
  v_held := array(
    select v.id from unnest(p_ids) as h(id) join live v on v.id = any (array[h.id]) and v.token = p_token and v.state in (1, 2)
       for update of v skip locked);
  stuck := cardinality(v_held) < (
    select count(*) from unnest(p_ids) as h(id) join live v on v.id = any (array[h.id]) and v.token = p_token and v.state in (1, 2));
  recovered := 0; killed := 0;
  if cardinality(v_held) > 0 then
    if p_crashed then
      perform ensure_lane(q.queue, q.priority, true)
         from (select distinct l.queue, l.priority from unnest(v_held) as h(id) join live v on v.id = any (array[h.id]) join lane l on l.id = any (array[v.lane])
                where v.crashes + 1 >= p_quarantine_at and not l.quarantine) as q;
    end if;
    with held as materialized (
      select v.id, v.lane, v.attempt, v.crashes + p_crashed::int4 as crashes, v.run_at, t.max_attempts, x.error as asked,
             case when v.cancelling and not v.step then 6 when not p_crashed then 7 when v.step then 10
                  when v.attempt >= t.max_attempts or v.crashes + 1 >= p_crash_budget then 5 else 10 end as what,
             case when p_crashed and v.crashes + 1 >= p_quarantine_at then q.id else v.lane end as target
        from unnest(v_held) as h(id) join live v on v.id = any (array[h.id]) join task t on t.id = any (array[v.id])
        join lane l on l.id = any (array[v.lane])
        left join lateral (select q.id from lane q where q.queue = l.queue and q.priority = l.priority and q.quarantine offset 0) as q on true
        left join lateral (select x.error from cancellation x where x.id = v.id and v.cancelling offset 0) as x on true
    ), judged as materialized (
      select h.*, case h.what when 6 then coalesce(h.asked, ${CANCELLED})
                    when 7 then null else crash_error(h.attempt, h.max_attempts, h.crashes, p_crash_budget) end as error
        from held h
    ), ended as (
      delete from live v using judged j where v.id = any (array[j.id]) and j.what in (5, 6)
    ), kept as (
      insert into outcome (id, lane, status, attempt, crashes, token, worker, run_at, finished_at, error)
        select id, lane, what, attempt, crashes, p_token, p_worker, run_at, v_now, error from judged where what in (5, 6)
    ), changed as (
      -- a new token, so that what the worker settles after this is stale
      update live v set lane = j.target, token = new_token(), crashes = j.crashes,
          state = case when j.what = 10 or v.attempt > 1 then 3 else 0 end,
          attempt = case when j.what = 7 then v.attempt - 1 else v.attempt end,
          run_at = case when j.what = 10 then v_now else v.run_at end,
          error = coalesce(j.error, v.error)
        from judged j where v.id = any (array[j.id]) and j.what in (7, 10)
    ), attempted as (
      insert into attempt (id, token, lane, attempt, result, worker, ended_at, error)
        select id, p_token, lane, attempt, what, p_worker, v_now, error from judged where what <> 7
    ), failed as (
      insert into failure (lane, fingerprint, at, n, sample, name, message)
        select lane, '${CRASH_PRINT}', v_now, count(*), min(id::text)::uuid, 'QError', min(error->>'message')
          from judged where what in (5, 10) group by lane
    ), moves as (
      select lane, what, case when what in (5, 6) or target <> lane then -1 else 0 end as unfinished, 0 as failing,
             case when what <> 7 then ${bucketSql(`(p_token >> 20) - date_part('epoch', run_at) * 1000`)} end as waited, true as counts
        from judged
      union all
      select target, what, (target <> lane)::int4, (what = 10 or attempt > 1)::int4, null, false
        from judged where what in (7, 10)
    ), cells as (
      select lane, what, waited, counts, count(*)::int4 as n, sum(unfinished) as unfinished, sum(failing) as failing
        from moves group by lane, what, waited, counts
    ), tallied as (
      insert into tally (lane, minute, failed, killed, cancelled, unfinished, failing, waited)
        select lane, minute_of(v_now), coalesce(sum(n) filter (where what = 10 and counts), 0),
               coalesce(sum(n) filter (where what = 5), 0), coalesce(sum(n) filter (where what = 6), 0), sum(unfinished), sum(failing),
               array_agg(n << 5 | waited) filter (where waited is not null)
          from cells group by lane
    )
    select count(*) filter (where what in (7, 10)), count(*) filter (where what = 5),
           array_agg(distinct target) filter (where what in (7, 10))
      into recovered, killed, lanes from judged;
    delete from cancellation x where x.id = any (v_held) and not exists (select from live v where v.id = x.id offset 0);
  end if;
  if not stuck then delete from claim c where c.token = p_token; end if;
  lanes := coalesce(lanes, '{}');
  return next;
end $$;

-- Takes back the tasks of instances whose lease has ended. At most p_claims claimed batches per call, not counting those
-- that are locked throughout.
create function sweep(p_claims int4, p_crash_budget int4, p_quarantine_at int4)
returns table (instances int4, recovered int4, killed int4, more boolean)
language plpgsql %PINNED% as $$
#variable_conflict use_column
declare
  v_instance record;
  v_claim record;
  v_back record;
  v_left int4 := p_claims;
  v_stuck boolean;
  v_lanes int4[] := '{}';
begin
  instances := 0; recovered := 0; killed := 0; more := false;
  for v_instance in
    select i.id, i.gone from instance i where i.lease_until < clock_timestamp() order by i.lease_until limit 100 for update skip locked
  loop
    v_stuck := false;
    -- rows that were left behind when nothing was held any more keep nobody waiting
    delete from claim x using (
        select c.* from claim c where c.instance = v_instance.id order by c.instance, c.token limit 50 * p_claims offset 0) as c
     where x.token = c.token and not exists (select from ${heldBy('c')} as v);
    for v_claim in select c.token, c.ids, c.worker from claim c where c.instance = v_instance.id order by c.instance, c.token loop
      if v_left = 0 then more := true; exit; end if;
      select * into v_back from take_back(v_claim.token, v_claim.ids, v_claim.worker, not v_instance.gone, p_crash_budget, p_quarantine_at);
      recovered := recovered + v_back.recovered;
      killed := killed + v_back.killed;
      v_stuck := v_stuck or v_back.stuck;
      v_lanes := v_lanes || v_back.lanes;
      if not v_back.stuck or v_back.recovered + v_back.killed > 0 then v_left := v_left - 1; end if;
    end loop;
    exit when more;
    continue when v_stuck;
    delete from instance i where i.id = v_instance.id;
    update worker w set ended_at = coalesce(w.ended_at, clock_timestamp()), lost = not v_instance.gone where w.id = v_instance.id;
    instances := instances + 1;
  end loop;
  perform pg_notify(%CHANNEL%, q.queue) from (select distinct l.queue from lane l where l.id = any (v_lanes)) as q;
  return next;
end $$;

-- Forgets what stands for nothing any more: claims of which nothing is held, notes on held tasks that ended otherwise, places of
-- claims that are over, pushes that replaced, buckets that are full, workers that ended a day ago. Looks at no more than so
-- many rows of each kind, those after p_after. Returns from where to go on, and whether to do so soon: much was over.
create function tidy(p_rows int4, p_after text) returns table (after text, more boolean)
language plpgsql %PINNED% as $$
#variable_conflict use_column
declare
  v_after jsonb := coalesce(p_after, '{}');
  v_next jsonb := '{}';
  v_looked int4;
  v_over int4;
  v_last jsonb;
begin
  more := false;
${KINDS.map(tidied).join('')}
  delete from bucket b where b.ctid = any (array(
    select f.ctid from bucket f where f.full_at < clock_timestamp() limit p_rows for update skip locked));
  delete from worker w where w.ctid = any (array(
    select e.ctid from worker e where e.ended_at < clock_timestamp() - interval '1 day'
       and not exists (select from instance i where i.id = e.id) limit p_rows));
  after := v_next::text;
  return next;
end $$;
`
