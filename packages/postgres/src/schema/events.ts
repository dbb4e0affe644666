/** What happened to the tasks of a queue, from the indexes by time of `outcome` and `attempt`. */

/** SQL of this file. */
export const events: string = `
-- Failed attempts and ends in order of time, at most p_limit after an entry (p_at, p_id) and not after p_until.
-- p_recent: only what was written by transactions that were under way at a snapshot with this xmin, or later.
create function list_events(p_queue text, p_at timestamptz, p_id uuid, p_until timestamptz, p_recent xid, p_limit int4)
returns table (at_us int8, id uuid, token int8, type int2, attempt int2, error jsonb)
language plpgsql stable %PINNED% as $$
#variable_conflict use_column
begin
  return query
  select to_us(e.at), e.id, e.token, e.type, e.attempt, e.error
    from lane l cross join lateral (
      (select o.finished_at as at, o.id, o.token, o.status as type, o.attempt, o.error from outcome o
        where o.lane = l.id and (o.finished_at, o.id) > (p_at, p_id) and o.finished_at <= p_until
          and (p_recent is null or age(o.xmin) <= age(p_recent))
        order by o.finished_at, o.id limit p_limit)
      union all
      (select a.ended_at, a.id, a.token, a.result, a.attempt, a.error from attempt a
        where a.lane = l.id and (a.ended_at, a.id) > (p_at, p_id) and a.ended_at <= p_until
          and (p_recent is null or age(a.xmin) <= age(p_recent))
        order by a.ended_at, a.id limit p_limit)
    ) as e
   where l.queue = p_queue
   order by e.at, e.id, e.token limit p_limit;
end $$;
`
