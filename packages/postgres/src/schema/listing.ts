/**
 * Lists of tasks and counts of what a list would show: bounded reads, whatever is stored.
 *
 * Tasks are found through the index that fits (`list_…`, positions only) and then read by their place on disk.
 */
import type { Source } from './merge.ts'
import { CHECKED, inState, LIST_PARAMETERS, sourceSql } from './merge.ts'
import { heldBy } from './overview.ts'

const SOURCES: readonly Source[] = [
  { name: 'list_live', table: 'live', at: 'run_at', descending: false },
  { name: 'list_error', table: 'live', at: 'run_at', descending: false, where: 'v.error is not null' },
  { name: 'list_ended', table: 'outcome', at: 'finished_at', descending: true },
  { name: 'list_bad', table: 'outcome', at: 'finished_at', descending: true, where: 'v.status <> 4', byStatus: true },
]

const ARGUMENTS = 'p_states, p_fingerprint, p_from, p_to, p_at, p_id, p_limit, p_look, p_check'

const found = (lanes: string): string =>
  ['list_live', 'list_error', 'list_held', 'list_ended', 'list_bad']
    .map((name) => `select f.* from ${name}(${lanes}, ${ARGUMENTS}) as f where p_source = '${name}'`)
    .join('\n    union all\n    ')

/** Milliseconds since the epoch. */
const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`

/** SQL of this file. */
export const listing: string = `
-- Microseconds since the epoch and back, exact for every time that can be stored.
create function to_us(p_at timestamptz) returns int8
language sql stable as $$ select (extract(epoch from p_at) * 1000000)::int8 $$;
create function from_us(p_us int8) returns timestamptz
language sql stable as $$
  select timestamptz 'epoch' + (p_us / 1000000) * interval '1 second' + (p_us % 1000000) * interval '1 microsecond'
$$;

create function lanes_of(p_queue text) returns int4[]
language sql stable %PINNED% as $$
  select coalesce(array_agg(l.id), '{}')
    from (select id from lane where p_queue is null union all select id from lane where queue = p_queue) as l
$$;

${SOURCES.map(sourceSql).join('')}
-- Tasks that are held, found through their claims; past 10,000 of them, or as many claims, through the
-- index of all.
create function list_held(${LIST_PARAMETERS}) returns table (at timestamptz, id uuid, place tid)
language plpgsql stable %PINNED% as $$
#variable_conflict use_column
declare
  v_at timestamptz[];
  v_id uuid[];
  v_place tid[];
begin
  if (select count(*) > 10000 or sum(cardinality(c.ids)) > 10000 from (select ids from claim limit 10001) as c) then
    return query select f.* from list_live(p_lanes, ${ARGUMENTS}) as f;
    return;
  end if;
  select array_agg(f.at), array_agg(f.id), array_agg(f.place) into v_at, v_id, v_place from (
    select v.run_at as at, v.id, v.place
      from claim c cross join lateral ${heldBy('c')} as v
     where v.lane = any (p_lanes)
       and (v.run_at, v.id) > (coalesce(p_at, '-infinity'), coalesce(p_id, '00000000-0000-0000-0000-000000000000'))
       and ${inState('live')} and ${CHECKED}
     order by v.run_at, v.id limit p_limit + 1) as f;
  return query select f.* from unnest(v_at[:p_limit], v_id[:p_limit], v_place[:p_limit]) as f(at, id, place);
  if cardinality(v_at) > p_limit then
    return query select v_at[p_limit], v_id[p_limit], null::tid;
  end if;
end $$;

-- One page from one source, in order. A last row without a queue says from where to continue (at_us, id).
create function list_tasks(
  p_source text, p_queue text, p_states int2[], p_fingerprint text, p_from timestamptz, p_to timestamptz,
  p_at timestamptz, p_id uuid, p_limit int4, p_look int4, p_check int4
) returns table (
  at_us int8, id uuid, queue text, priority int2, state int2, attempt int2, crashes int2, max_attempts int2,
  created_at float8, run_at float8, finished_at float8, codec text, payload bytea, metadata jsonb, limits jsonb,
  result_codec text, result bytea, error jsonb, cancelling boolean, done float8, total float8, note text, run uuid, node text, index int4
)
language plpgsql stable %PINNED% as $$
#variable_conflict use_column
begin
  return query
  with found as materialized (
    select f.*, row_number() over () as ord from (
    ${found('lanes_of(p_queue)')}) as f
  )
  select to_us(f.at), f.id, l.queue, l.priority, coalesce(o.status, v.state), coalesce(o.attempt, v.attempt), coalesce(o.crashes, v.crashes),
         t.max_attempts, ${ms('t.created_at')}, ${ms('coalesce(o.run_at, v.run_at)')}, ${ms('o.finished_at')},
         t.codec, t.payload, t.metadata, t.limits, o.codec, o.result, coalesce(o.error, v.error),
         v.cancelling,
         g.done, g.total, g.note, t.run, t.node, t.index
    from found f
    left join live v on v.ctid = f.place and p_source not in ('list_ended', 'list_bad')
    left join outcome o on o.ctid = f.place and p_source in ('list_ended', 'list_bad')
    left join task t on t.id = any (array[coalesce(v.id, o.id)])
    left join lane l on l.id = coalesce(v.lane, o.lane)
    left join progress g on g.id = any (array[coalesce(v.id, o.id)])
   order by f.ord;
end $$;

-- How many tasks a source finds; complete is false when that is not all of them.
create function count_tasks(
  p_source text, p_queue text, p_states int2[], p_fingerprint text, p_from timestamptz, p_to timestamptz,
  p_at timestamptz, p_id uuid, p_limit int4, p_look int4, p_check int4
) returns table (n int8, complete boolean)
language plpgsql stable %PINNED% as $$
#variable_conflict use_column
begin
  return query
  select count(f.place), count(*) = count(f.place) from (
    ${found('lanes_of(p_queue)')}) as f;
end $$;

-- How many tasks are pending and not yet due, at most p_look; complete is false when there may be more.
create function count_scheduled(p_queue text, p_look int4) returns table (n int8, complete boolean)
language sql stable %PINNED% as $$
  select count(*) filter (where s.state = 0 and s.place <= p_look), count(*) <= p_look
    from (
      select v.state, row_number() over () as place
        from unnest(lanes_of(p_queue)) as l(lane) cross join lateral (
          select v.state from live v where v.lane = l.lane and v.run_at > statement_timestamp() order by v.run_at, v.id limit p_look + 1) as v
       limit p_look + 1) as s
$$;
`
