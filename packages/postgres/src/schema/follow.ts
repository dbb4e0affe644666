/** `settle_with`: settlements that bring follow-on tasks, which are stored if and only if their settlement is applied. */
import { LANES_FIT } from './push.ts'

const settlements = 'p_ids, p_tokens, p_kinds, p_ran, p_delays, p_codecs, p_bytes, p_errors, p_prints, p_done_claims'

/** SQL of this file. */
export const follow: string = `
-- As settle, and with the arguments of push_keyed for the follow-on tasks; f_of names the settlement (from 1) that each
-- belongs to. Duplicates are skipped. One row with ord 0: a lane is not what the caller thinks, nothing was changed.
create function settle_with(
  p_ids uuid[], p_tokens int8[], p_kinds int2[], p_ran int4[], p_delays float8[], p_codecs text[], p_bytes bytea[], p_errors jsonb[],
  p_prints text[], p_done_claims int8[],
  f_of int4[], f_ids uuid[], f_lanes int4[], f_at float8[], f_delay float8[], f_max_attempts int2[], f_codecs text[],
  f_payloads bytea[], f_metadata jsonb[], f_limits jsonb[],
  p_known int4[], p_queues text[], p_priorities int2[], p_trusted boolean, f_keys text[], f_uniques jsonb[], f_rounds int4[]
) returns table (ord int4, answer int4)
language plpgsql %PINNED% set lock_timeout = '3s' as $$
#variable_conflict use_column
declare
  v_row record;
  v_not int4[] := '{}';
  v_f record;
begin
  if not (p_trusted or ${LANES_FIT}) then
    ord := 0;
    return next;
    return;
  end if;
  for v_row in select * from settle(${settlements}) loop
    v_not := v_not || v_row.ord;
    ord := v_row.ord; answer := v_row.answer;
    return next;
  end loop;
  if cardinality(v_not) = 0 then
    if f_keys is null and f_uniques is null and f_rounds is null then
      perform push(f_ids, f_lanes, f_at, f_delay, f_max_attempts, f_codecs, f_payloads, f_metadata, f_limits,
                   p_known, p_queues, p_priorities, true);
      return;
    end if;
    perform push_keyed(f_ids, f_lanes, f_at, f_delay, f_max_attempts, f_codecs, f_payloads, f_metadata, f_limits,
                       p_known, p_queues, p_priorities, true, f_keys, f_uniques, f_rounds, true);
    return;
  end if;
  select array_agg(f.id order by f.ord) as ids, array_agg(f.lane order by f.ord) as lanes, array_agg(f.at order by f.ord) as at,
         array_agg(f.delay order by f.ord) as delay, array_agg(f.max_attempts order by f.ord) as max_attempts,
         array_agg(f.codec order by f.ord) as codecs, array_agg(f.payload order by f.ord) as payloads,
         array_agg(f.metadata order by f.ord) as metadata, array_agg(f.limits order by f.ord) as limits,
         array_agg(f.key order by f.ord) as keys, array_agg(f.u order by f.ord) as uniques,
         array_agg(coalesce(f.round, 1) order by f.ord) as rounds
    into v_f
    from unnest(f_of, f_ids, f_lanes, f_at, f_delay, f_max_attempts, f_codecs, f_payloads, f_metadata, f_limits, f_keys, f_uniques, f_rounds)
      with ordinality as f(parent, id, lane, at, delay, max_attempts, codec, payload, metadata, limits, key, u, round, ord)
   where not (f.parent = any (v_not));
  if v_f.ids is not null then
    perform push_keyed(v_f.ids, v_f.lanes, v_f.at, v_f.delay, v_f.max_attempts, v_f.codecs, v_f.payloads, v_f.metadata, v_f.limits,
                       p_known, p_queues, p_priorities, true, v_f.keys, v_f.uniques, v_f.rounds, true);
  end if;
end $$;
`
