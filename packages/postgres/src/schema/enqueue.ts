/** `enqueue`: a push for triggers, psql and programs in other languages. Public: its name and parameters do not change. */

/** SQL of this file. */
export const enqueue: string = `
-- A UUIDv7: a version 4 with the time in front and the version's nibble changed.
create function uuid_v7() returns uuid
language sql volatile as $$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::int8) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- Stores one task with JSON args in the caller's transaction and returns the id of the task that exists now: the new one,
-- or the earlier one with the same key or id. Errors carry SQLSTATE 22023 for an argument that is not allowed and Q0001 for
-- a key that was used with other args.
create function enqueue(
  queue text, args jsonb, run_after interval default '0', run_at timestamptz default null, priority int4 default 0,
  key text default null, max_attempts int4 default null, metadata jsonb default null, id uuid default null
) returns uuid
language plpgsql %PINNED% as $$
#variable_conflict use_variable
declare
  v_id uuid := coalesce(id, uuid_v7());
  v_lane int4;
  v_existing uuid;
  v_wrong text := case
    when queue is null or queue !~ '^[A-Za-z0-9_.:/@-]{1,100}$' then 'queue must be 1 to 100 letters, digits and "-_.:/@"'
    when args is null then 'args must not be null; the JSON value null is ''null''::jsonb'
    when run_after is null or run_after < interval '0' or run_after > interval '36525 days' then 'run_after must be 0 to 100 years'
    when run_at is not null and run_after <> interval '0' then 'give either run_at or run_after'
    when run_at is not null and not isfinite(run_at) then 'run_at must be a moment'
    when priority is null or priority not between -100 and 100 then 'priority must be -100 to 100'
    when length(key) not between 1 and 200 then 'key must be 1 to 200 characters'
    when max_attempts not between 1 and 1000 then 'max_attempts must be 1 to 1000'
    when jsonb_typeof(metadata) <> 'object' then 'metadata must be an object of strings'
    when exists (select from jsonb_each(case when jsonb_typeof(metadata) = 'object' then metadata end) as e where jsonb_typeof(e.value) <> 'string')
      then 'metadata must be an object of strings'
  end;
begin
  if v_wrong is not null then raise exception 'enqueue: %', v_wrong using errcode = '22023'; end if;
  v_lane := ensure_lane(queue, priority::int2);
  select p.existing into v_existing
    from push_keyed(
      array[v_id], array[v_lane], array[extract(epoch from run_at) * 1000]::float8[], array[extract(epoch from run_after) * 1000]::float8[],
      array[max_attempts]::int2[], array['json'], array[convert_to(args::text, 'UTF8')], array[metadata], array[null]::jsonb[],
      array[v_lane], array[queue], array[priority]::int2[], true, array[key], null, null, false) as p;
  return coalesce(v_existing, v_id);
end $$;
`
