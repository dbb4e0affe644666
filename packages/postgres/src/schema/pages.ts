/** Pages of tasks: written by the holder alone. */

/** SQL of this file. */
export const pages: string = `
-- Stores pages of a task from number p_first on. False, and nothing is stored, when the token is not the task's current one.
create function write_pages(p_id uuid, p_token int8, p_first int4, p_codecs text[], p_bytes bytea[]) returns boolean
language plpgsql %PINNED% set lock_timeout = '3s' as $$
begin
  perform from live v where v.id = p_id and v.token = p_token and v.state in (1, 2) for share;
  if not found then return false; end if;
  insert into page as p (id, n, codec, bytes)
    select p_id, p_first + g.ord - 1, g.codec, g.bytes from unnest(p_codecs, p_bytes) with ordinality as g(codec, bytes, ord)
  on conflict (id, n) do update set codec = excluded.codec, bytes = excluded.bytes;
  return true;
end $$;

create function read_pages(p_id uuid, p_first int4, p_limit int4) returns table (codec text, bytes bytea)
language sql stable %PINNED% as $$
  select p.codec, p.bytes from page p where p.id = p_id and p.n >= p_first and p.n < p_first + p_limit order by p.n
$$;
`
