/** How runs leave for good: by age, with all that belongs to them. */
import { before, countGone, forget } from './removal.ts'

/** The runs that ended first in a way. */
const oldest = (status: number, span: string): string => `
      (select r.id, r.finished_at from run r
        where r.queue = p_queue and r.status = ${status} and r.finished_at <= ${before(span)}
          and not exists (select from run p where p.id = r.parent_run and p.finished_at is null offset 0)
          and not exists (
            select from task t cross join lateral (select from live v where v.id = t.id offset 0) as v where t.run = r.id offset 0)
        order by r.finished_at, r.id limit p_limit)`

/** SQL of this file. */
export const runRemoval: string = `
-- Deletes runs of a queue that have ended, the oldest first, as many as have p_limit rows together with their steps; null keeps a
-- kind. Of a run that has more, the first of its steps go: until it is gone nobody runs it again. Those that somebody has locked are
-- left for later. more: there is a run that goes in pieces.
create function vacuum_runs(
  p_queue text, p_done_ms float8, p_failed_ms float8, p_cancelled_ms float8, p_limit int4, out deleted int4, out more boolean
)
language plpgsql %PINNED% set lock_timeout = '3s' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_run record;
  v_runs uuid[] := '{}';
  v_steps uuid[];
  v_gone uuid[] := '{}';
begin
  more := false;
  for v_run in
    select o.id, o.finished_at from (${[oldest(3, 'p_done_ms'), oldest(4, 'p_failed_ms'), oldest(5, 'p_cancelled_ms')]
      .join(`
      union all`)}) as o
     order by o.finished_at, o.id limit p_limit
  loop
    -- as it is under the lock
    perform from run r where r.id = v_run.id and r.finished_at = v_run.finished_at for update skip locked;
    continue when not found;
    v_steps := array(select t.id from task t where t.run = v_run.id order by t.id nulls first limit p_limit);
    exit when cardinality(v_runs) + cardinality(v_gone) + cardinality(v_steps) >= p_limit and cardinality(v_runs) > 0;
    v_gone := v_gone || v_steps;
    if cardinality(v_steps) = p_limit then
      update run r set leaving = true where r.id = v_run.id and not r.leaving;
      more := true;
      exit;
    end if;
    v_runs := v_runs || v_run.id;
  end loop;
  with ended as (
    delete from outcome o using unnest(v_gone) as g(id) where o.id = any (array[g.id]) returning o.id, o.lane, o.status
  ), counted as (${countGone('ended')}
  )
  select coalesce(array_agg(e.id), '{}') into v_gone from ended e;
  ${forget}
  delete from run_join j using unnest(v_runs) as r(id) where j.run = any (array[r.id]);
  delete from message m using unnest(v_runs) as r(id) where m.run = any (array[r.id]);
  delete from listening l using unnest(v_runs) as r(id) where l.run = any (array[r.id]);
  delete from run x using unnest(v_runs) as r(id) where x.id = any (array[r.id]);
  deleted := cardinality(v_runs);
end $$;
`
