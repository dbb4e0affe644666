/**
 * Lists of runs and of their steps: bounded reads, whatever is stored. They return ids; what is to be seen is read by them.
 *
 * Each list has an index that alone gives its order (see "nulls first" in run-tables.ts), so the plan is certain.
 */

/** How often each call that lists runs may look before it stops. */
const listed = (source: string, order: string): string => `
    return query
      select to_us(f.created_at), f.id, f.fits, f.n = p_look
        from (select r.created_at, r.id,
                     (p_queue is null or r.queue = p_queue) and (p_workflow is null or r.workflow = p_workflow)
                       and (p_status is null or r.status = p_status) as fits,
                     row_number() over () as n
                from (select r.created_at, r.id, r.queue, r.workflow, r.status from run r
                       where ${source}(r.created_at, r.id) < (coalesce(p_at, 'infinity'), coalesce(p_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
                       order by ${order} limit p_look) as r) as f
       where f.fits or f.n = p_look limit p_limit + 1;`

/** SQL of this file. */
export const runReads: string = `
-- Runs, the latest first, after (p_at, p_id): those that fit, one more than p_limit, and where the call stopped after p_look entries.
create function list_runs(
  p_queue text, p_workflow text, p_status int2, p_parent uuid, p_at timestamptz, p_id uuid, p_limit int4, p_look int4
) returns table (at_us int8, id uuid, fits boolean, stopped boolean)
language plpgsql stable %PINNED% as $$
#variable_conflict use_column
begin
  if p_parent is not null then${listed('r.parent_run = p_parent and ', 'r.created_at desc, r.id desc nulls last')}
  elsif p_status < 3 then${listed('r.finished_at is null and ', 'r.created_at desc nulls last, r.id desc')}
  elsif p_status > 3 then${listed('r.status in (4, 5) and ', 'r.created_at desc nulls last, r.id desc nulls last')}
  else${listed('', 'r.created_at desc, r.id desc')}
  end if;
end $$;

-- Steps of a run after p_id, by id; p_unfinished: those that live. Stops as list_runs does.
create function list_steps(p_run uuid, p_unfinished boolean, p_id uuid, p_limit int4, p_look int4)
returns table (id uuid, fits boolean, stopped boolean)
language plpgsql stable %PINNED% as $$
#variable_conflict use_column
begin
  return query
    select f.id, f.fits, f.n = p_look
      from (select t.id, not p_unfinished or exists (select from live v where v.id = t.id offset 0) as fits, row_number() over () as n
              from (select t.id from task t
                     where t.run = p_run and t.id > coalesce(p_id, '00000000-0000-0000-0000-000000000000')
                     order by t.id nulls first limit p_look) as t) as f
     where f.fits or f.n = p_look limit p_limit + 1;
end $$;

-- Runs that have not ended though no step of theirs lives, the oldest first.
create function stuck_runs(p_limit int4) returns table (id uuid)
language plpgsql stable %PINNED% as $$
#variable_conflict use_column
begin
  return query
    select r.id from (select r.id from run r where r.finished_at is null order by r.created_at nulls first, r.id) as r
     where not exists (
       select from task t cross join lateral (select from live v where v.id = t.id offset 0) as v where t.run = r.id offset 0)
     limit p_limit;
end $$;
`
