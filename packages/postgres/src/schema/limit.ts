/**
 * `acquire`: limits that all processes share.
 *
 * A place belongs to one claim of one task and is free once that claim is over, which is looked up and never written:
 * there is nothing to clean up after a crash. Whoever decides about a key holds its lock, and counts its places once.
 */

/** How soon to ask again for a place: nobody knows when one will be given back. */
const ASK_AGAIN_MS = 1_000
/** Of a token: what arithmetic may lose. */
const TOLERANCE = 1e-9

/** SQL of this file. */
export const limit: string = `
-- Arrays run in parallel, in the order of the requests. p_periods: milliseconds in which a bucket fills up; null asks for
-- a place, for which p_ids and p_tokens name the claim.
create function acquire(p_keys text[], p_limits int4[], p_periods float8[], p_ids uuid[], p_tokens int8[])
returns table (ord int4, granted boolean, retry_after_ms float8)
language plpgsql %PINNED% as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_lock int8;
  v_ask record;
  v_key text;
  v_taken int8;
  v_token int8;
  v_mine int4;
  v_cleaned boolean;
  v_tokens float8;
begin
  -- everybody locks in one order
  for v_lock in select distinct hashtextextended(%CHANNEL% || k, 0) from unnest(p_keys) as k order by 1 loop
    perform pg_advisory_xact_lock(v_lock);
  end loop;
  v_now := clock_timestamp();
  for v_ask in
    select s.* from unnest(p_keys, p_limits, p_periods, p_ids, p_tokens) with ordinality as s(key, lim, period, id, token, ord)
     order by s.period is null, s.key, s.ord
  loop
    ord := v_ask.ord; granted := false; retry_after_ms := ${ASK_AGAIN_MS};
    if v_ask.period is not null then
      loop
        select least(v_ask.lim, b.tokens + greatest(0, date_part('epoch', v_now - b.at)) * 1000 * v_ask.lim / v_ask.period) into v_tokens
          from bucket b where b.key = v_ask.key for update;
        exit when found;
        -- a full one may be forgotten at any moment that nobody has it locked
        insert into bucket (key, tokens, at, full_at) values (v_ask.key, v_ask.lim, v_now, v_now) on conflict do nothing;
      end loop;
      granted := v_tokens >= 1 - ${TOLERANCE};
      if granted then
        v_tokens := greatest(0, v_tokens - 1);
        retry_after_ms := 0;
      else
        retry_after_ms := greatest(1, ceil((1 - ${TOLERANCE} - v_tokens) * v_ask.period / v_ask.lim));
      end if;
      update bucket set tokens = v_tokens, at = v_now,
             full_at = v_now + (v_ask.lim - v_tokens) * v_ask.period / v_ask.lim * interval '1 millisecond'
       where key = v_ask.key;
    elsif exists (select from live v where v.id = v_ask.id and v.token = v_ask.token and v.state in (1, 2)) then
      if v_key is distinct from v_ask.key then
        v_key := v_ask.key;
        v_cleaned := false;
        v_taken := (select count(*) from place p where p.key = v_key);
      end if;
      select p.token into v_token from place p where p.key = v_key and p.id = v_ask.id;
      v_mine := found::int4;
      granted := v_mine = 1 and v_token = v_ask.token;
      if not granted then
        if v_taken - v_mine >= v_ask.lim and not v_cleaned then
          delete from place p
           where p.key = v_key
             and not exists (select from live v where v.id = p.id and v.token = p.token and v.state in (1, 2) offset 0);
          v_cleaned := true;
          v_taken := (select count(*) from place p where p.key = v_key);
          v_mine := 0; -- the place of an earlier claim of the task went, too
        end if;
        granted := v_taken - v_mine < v_ask.lim;
        if granted then
          insert into place as p (key, id, token) values (v_key, v_ask.id, v_ask.token)
            on conflict (key, id) do update set token = excluded.token;
          v_taken := v_taken + 1 - v_mine;
        end if;
      end if;
      if granted then retry_after_ms := 0; end if;
    end if;
    return next;
  end loop;
end $$;
`
