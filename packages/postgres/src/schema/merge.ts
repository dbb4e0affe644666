/**
 * Lists of many lanes in one order, read from the index of each lane and bounded by entries looked at.
 *
 * A few entries of each lane are read first. Once enough was found, the last of what was found is a threshold, and only
 * lanes that were not read up to it are read on, in growing chunks. When the bound is reached before, the page goes as
 * far as every lane was read, and the next call continues there.
 */

/** An index that lists are read from. */
export interface Source {
  /** Name of the function. */
  readonly name: string
  readonly table: 'live' | 'outcome'
  /** Second column of the index, after the lane. */
  readonly at: 'run_at' | 'finished_at'
  readonly descending: boolean
  /** Condition of a partial index. */
  readonly where?: string
  /** Whether the index has the status between lane and time: each status of a lane is then read as a lane of its own. */
  readonly byStatus?: boolean
}

/** Parameters that every source has, in order, see {@link sourceSql}. */
export const LIST_PARAMETERS: string = `p_lanes int4[], p_states int2[], p_fingerprint text, p_from timestamptz, p_to timestamptz,
  p_at timestamptz, p_id uuid, p_limit int4, p_look int4, p_check int4`

/** Whether an entry `v` of a table has a wanted state; costs nothing more than the entry. */
export function inState(table: Source['table']): string {
  return `(p_states is null or v.${table === 'live' ? 'state' : 'status'} = any (p_states))`
}

/** Whether an entry `v` of a table is wanted otherwise; its error is read, or its task is looked up. */
export const CHECKED: string = `(p_fingerprint is null or v.error->>'fingerprint' = p_fingerprint)
           and (p_from is null and p_to is null or coalesce(
             (select t.created_at >= coalesce(p_from, '-infinity') and t.created_at < coalesce(p_to, 'infinity') from task t where t.id = v.id), false))`

/**
 * The function that reads one source.
 *
 * p_from, p_to: when the task was pushed. p_at, p_id: after which entry to start; null for the first. At most p_limit
 * rows come in order, each with its place in the table. A last row without a place says that there is more, and
 * from where to continue. The state of about p_look entries is looked at; at most p_check are checked otherwise. Where p_limit
 * is not less than that, rows are only good for counting.
 */
export function sourceSql(source: Source): string {
  const { name, table } = source
  return `${entriesSql(source)}
create function ${name}(${LIST_PARAMETERS}) returns table (at timestamptz, id uuid, place tid)
language plpgsql stable %PINNED% as $$
#variable_conflict use_column
declare
  v_at timestamptz[];
  v_id uuid[];
  v_place tid[];
  v_more_at timestamptz;
  v_more_id uuid;
begin
  if p_fingerprint is null and p_from is null and p_to is null then
    return query select e.* from ${name}_entries(p_lanes, p_states, null, p_at, p_id, p_limit, p_look) as e;
    return;
  end if;
  with e as materialized (
    select e.*, row_number() over () as n from ${name}_entries(p_lanes, p_states, p_from, p_at, p_id, p_check, p_look) as e
  ), checked as (
    select e.at, e.id, e.place from e join ${table} v on v.ctid = e.place where ${CHECKED} order by e.n limit p_limit + 1
  ), found as (
    select array_agg(c.at) as at, array_agg(c.id) as id, array_agg(c.place) as place from checked c
  )
  select f.at, f.id, f.place, m.at, m.id into v_at, v_id, v_place, v_more_at, v_more_id
    from found f left join (select e.at, e.id from e where e.place is null) as m on true;
  return query select f.* from unnest(v_at[:p_limit], v_id[:p_limit], v_place[:p_limit]) as f(at, id, place);
  if cardinality(v_at) > p_limit then
    return query select v_at[p_limit], v_id[p_limit], null::tid;
  elsif v_more_at is not null then
    return query select v_more_at, v_more_id, null::tid;
  end if;
end $$;
`
}

/** Entries of one source by state alone. p_floor: entries before that are not looked at (of what ended). */
function entriesSql({ name, table, at, descending, where, byStatus = false }: Source): string {
  const [after, upTo] = descending ? ['<', '>='] : ['>', '<=']
  const order = (alias: string): string =>
    descending ? `${alias}.at desc, ${alias}.id desc` : `${alias}.at, ${alias}.id`
  const indexOrder = descending ? `v.${at} desc, v.id desc` : `v.${at}, v.id`
  const lane = [
    'v.lane = u.lane',
    ...(byStatus ? ['v.status = u.status'] : []),
    ...(where === undefined ? [] : [where]),
  ].join(' and ')
  const lowest = "timestamptz '-infinity', uuid '00000000-0000-0000-0000-000000000000'"
  const highest = "timestamptz 'infinity', uuid 'ffffffff-ffff-ffff-ffff-ffffffffffff'"
  // what ended before a task can have been pushed is not looked at
  const end = descending ? "coalesce(p_floor, '-infinity'), uuid '00000000-0000-0000-0000-000000000000'" : highest
  const best = `select coalesce(array_agg(f.at), '{}'), coalesce(array_agg(f.id), '{}'), coalesce(array_agg(f.place), '{}')
      into v_found_at, v_found_id, v_found_place
      from (select f.* from unnest(v_found_at, v_found_id, v_found_place) as f(at, id, place)
             where (f.at, f.id) ${upTo} (v_end, v_end_id) order by ${order('f')} limit p_limit + 1) as f`

  return `
create function ${name}_entries(
  p_lanes int4[], p_states int2[], p_floor timestamptz, p_at timestamptz, p_id uuid, p_limit int4, p_look int4
) returns table (at timestamptz, id uuid, place tid)
language plpgsql stable %PINNED% as $$
#variable_conflict use_column
declare
  -- lanes that may have more, and up to where each was read
  v_lanes int4[];
  v_statuses int2[];
  v_ats timestamptz[];
  v_ids uuid[];
  -- nothing later is wanted, because enough was found before it
  v_end timestamptz;
  v_end_id uuid;
  v_chunk int4;
  v_look int4 := p_look;
  v_looked int4;
  v_more boolean := false;
  v_at timestamptz[];
  v_id uuid[];
  v_place tid[];
  v_found_at timestamptz[] := '{}';
  v_found_id uuid[] := '{}';
  v_found_place tid[] := '{}';
begin
  select array_agg(l.lane), array_agg(s.status), array_agg(coalesce(p_at, o.at)), array_agg(coalesce(p_id, o.id))
    into v_lanes, v_statuses, v_ats, v_ids
    from unnest(p_lanes) as l(lane) cross join unnest(${byStatus ? 'p_states' : "'{null}'::int2[]"}) as s(status)
   cross join (values (${descending ? highest : lowest})) as o(at, id);
  select o.at, o.id into v_end, v_end_id from (values (${end})) as o(at, id);
  v_chunk := p_limit / coalesce(cardinality(v_lanes), 1) + 2;
  while v_lanes is not null loop
    if v_look < cardinality(v_lanes) and v_looked is not null then
      v_more := true;
      -- what was not read bounds what is known
      select f.at, f.id into v_end, v_end_id from unnest(v_ats, v_ids) as f(at, id) order by ${order('f')} limit 1;
      exit;
    end if;
    v_chunk := greatest(1, least(v_chunk, v_look / cardinality(v_lanes)));
    with part as materialized (
      select u.lane, u.status, e.*
        from unnest(v_lanes, v_statuses, v_ats, v_ids) as u(lane, status, at, id)
       cross join lateral (
         select v.${at} as at, v.id, v.ctid as place, ${inState(table)} as ok
           from ${table} v
          where ${lane} and (v.${at}, v.id) ${after} (u.at, u.id) and (v.${at}, v.id) ${upTo} (v_end, v_end_id)
          order by ${indexOrder} limit v_chunk) as e
    ), found as (
      select array_agg(p.at) as at, array_agg(p.id) as id, array_agg(p.place) as place from part p where p.ok
    ), full_lanes as (
      select p.lane, p.status, (array_agg(p.at))[v_chunk] as at, (array_agg(p.id))[v_chunk] as id
        from part p group by p.lane, p.status having count(*) = v_chunk
    ), cut as (
      select array_agg(l.lane) as lanes, array_agg(l.status) as statuses, array_agg(l.at) as ats, array_agg(l.id) as ids from full_lanes l
    )
    select (select count(*) from part), f.at, f.id, f.place, c.lanes, c.statuses, c.ats, c.ids
      into v_looked, v_at, v_id, v_place, v_lanes, v_statuses, v_ats, v_ids
      from found f cross join cut c;
    v_look := v_look - v_looked;
    v_found_at := v_found_at || v_at;
    v_found_id := v_found_id || v_id;
    v_found_place := v_found_place || v_place;
    if cardinality(v_found_at) > p_limit then
      ${best};
      v_end := v_found_at[p_limit + 1];
      v_end_id := v_found_id[p_limit + 1];
      select array_agg(l.lane), array_agg(l.status), array_agg(l.at), array_agg(l.id) into v_lanes, v_statuses, v_ats, v_ids
        from unnest(v_lanes, v_statuses, v_ats, v_ids) as l(lane, status, at, id)
       where (v_end, v_end_id) ${after} (l.at, l.id);
    end if;
    v_chunk := v_chunk * 2;
  end loop;

  ${best};
  return query select f.* from unnest(v_found_at[:p_limit], v_found_id[:p_limit], v_found_place[:p_limit]) as f(at, id, place);
  if cardinality(v_found_at) > p_limit then
    return query select v_found_at[p_limit], v_found_id[p_limit], null::tid;
  elsif v_more then
    return query select v_end, v_end_id, null::tid;
  end if;
end $$;
`
}
