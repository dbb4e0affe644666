/** `report`: keeps what handlers say while they work. */

/** Lines kept of one task. Readers see no more even where more are stored for a while. */
export const LINES_KEPT = 1_000

/** SQL of this file. */
export const reports: string = `
-- p_ids … p_notes: the latest progress of distinct tasks, under their tokens. p_line_*: lines in order; lines of tasks
-- that do not exist are dropped. Of a task that got the n-th line, n a multiple of 100 over all tasks, old ones are deleted.
create function report(
  p_ids uuid[], p_tokens int8[], p_done float8[], p_totals float8[], p_notes text[],
  p_line_ids uuid[], p_attempts int2[], p_levels int2[], p_at float8[], p_messages text[], p_fields text[]
) returns void
language plpgsql %PINNED% as $$
declare
  v_full uuid[];
begin
  insert into progress as g (id, done, total, note, at)
    select s.id, s.done, s.total, s.note, clock_timestamp()
      from unnest(p_ids, p_tokens, p_done, p_totals, p_notes) as s(id, token, done, total, note)
     where exists (select from live v where v.id = s.id and v.token = s.token and v.state in (1, 2) offset 0)
     order by s.id
  on conflict (id) do update set done = excluded.done, total = excluded.total, note = excluded.note, at = excluded.at;

  with kept as (
    insert into log (id, attempt, level, at, message, fields)
      select s.id, s.attempt, s.level, to_timestamp(s.at / 1000.0), s.message, s.fields
        from unnest(p_line_ids, p_attempts, p_levels, p_at, p_messages, p_fields) with ordinality
          as s(id, attempt, level, at, message, fields, ord)
       where exists (select from task t where t.id = s.id offset 0)
       order by s.ord
    returning id, seq
  )
  select array_agg(distinct id) into v_full from kept where seq % 100 = 0;

  if v_full is not null then
    delete from log g using unnest(v_full) as f(id)
     where g.id = any (array[f.id]) and g.seq <= (select n.seq from log n where n.id = f.id order by n.seq desc offset ${LINES_KEPT} limit 1);
  end if;
end $$;
`
