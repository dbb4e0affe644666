/** What runs are told and their steps receive. The lock of the run puts messages and those who wait for them in one order. */

/** SQL of this file. */
export const mailbox: string = `
-- Tells a run something. Answers 0 unknown, 1 stored, 2 duplicate, 3 ended.
create function signal_run(p_run uuid, p_name text, p_codec text, p_bytes bytea, p_key text) returns int2
language plpgsql %PINNED% set lock_timeout = '3s' as $$
declare
  v_ended boolean;
begin
  select r.finished_at is not null into v_ended from run r where r.id = p_run for update;
  if not found then return 0; end if;
  if p_key is not null and exists (select from message m where m.run = p_run and m.key = p_key) then return 2; end if;
  if v_ended then return 3; end if;
  insert into message (run, name, codec, bytes, key) values (p_run, p_name, p_codec, p_bytes, p_key);
  perform wake_listeners(array[p_run], array[p_name]);
  return 1;
end $$;

-- Gives a step the first message of each name that nobody received, and again what it was given; not p_take: only shows them.
-- One row that is not held: the token is not the step's current one.
create function receive(p_id uuid, p_token int8, p_names text[], p_take boolean)
returns table (held boolean, name text, codec text, bytes bytea)
language plpgsql %PINNED% set lock_timeout = '3s' as $$
#variable_conflict use_column
declare
  v_run uuid;
  v_seqs int8[];
  v_known text[];
  v_fresh int8[];
begin
  perform from live v where v.id = p_id and v.token = p_token and v.state in (1, 2) for share;
  held := found;
  if not found then
    return next;
    return;
  end if;
  select t.run into v_run from task t where t.id = p_id;
  if p_take then
    perform from run r where r.id = v_run for update;
    if not found then return; end if;
  end if;
  select coalesce(array_agg(m.seq), '{}'), coalesce(array_agg(m.name), '{}') into v_seqs, v_known
    from message m where m.run = v_run and m.taken = p_id and m.name = any (p_names);
  v_fresh := array(
    select f.seq
      from (select distinct n.name from unnest(p_names) as n(name) where not (n.name = any (v_known))) as n
     cross join lateral (
       select m.seq from message m where m.run = v_run and m.name = n.name and m.taken is null order by m.seq nulls first limit 1) as f);
  if p_take then
    update message m set taken = p_id from unnest(v_fresh) as f(seq) where m.run = v_run and m.seq = any (array[f.seq]);
  end if;
  return query
    select true, m.name, m.codec, m.bytes
      from unnest(v_seqs || v_fresh) as s(seq)
     cross join lateral (select * from message m where m.run = v_run and m.seq = s.seq offset 0) as m
     order by m.seq;
end $$;

-- Loses what a step was given under the names: it belongs to nobody from now on. False: the token is not the step's current one.
create function discard(p_id uuid, p_token int8, p_names text[]) returns boolean
language plpgsql %PINNED% set lock_timeout = '3s' as $$
declare
  v_run uuid;
begin
  perform from live v where v.id = p_id and v.token = p_token and v.state in (1, 2) for share;
  if not found then return false; end if;
  select t.run into v_run from task t where t.id = p_id;
  update message m set taken = '00000000-0000-0000-0000-000000000000'
   where m.run = v_run and m.taken = p_id and m.name = any (p_names);
  return true;
end $$;
`
