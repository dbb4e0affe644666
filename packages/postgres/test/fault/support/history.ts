/**
 * Records every step of every task inside the database, by triggers that only this suite installs.
 *
 * The steps of one task are numbered under its row's lock, so their order is the order in which they were
 * committed, whoever made them.
 */
import type { Status } from '@q/core'
import type { Pool } from 'pg'

/** One step of one task. */
export interface Step {
  readonly seq: number
  readonly id: string
  /** `null`: it was pushed. */
  readonly from: Status | null
  readonly to: Status
  /** The token after the step; of a final one the token that ended it, 0 when none did. */
  readonly token: string
  readonly attempt: number
  readonly crashes: number
  /** When it was due, and when the step was made, in milliseconds since the epoch. */
  readonly dueAt: number
  readonly at: number
}

const NAMES = `array['pending', 'queued', 'running', 'failed', 'done', 'killed', 'cancelled']`

/** Installs the triggers in a fresh schema. */
export async function installHistory(pool: Pool, schema: string): Promise<void> {
  const s = `"${schema}"`
  await pool.query(`
    create table ${s}.history (
      seq bigint generated always as identity primary key, id uuid, "from" text, "to" text, token int8,
      attempt int2, crashes int2, due_at timestamptz, at timestamptz default clock_timestamp());
    create function ${s}.record_live() returns trigger language plpgsql set search_path = ${s}, pg_catalog as $$
    begin
      if tg_op = 'INSERT' then
        insert into history (id, "from", "to", token, attempt, crashes, due_at)
          values (new.id, null, (${NAMES})[new.state + 1], new.token, new.attempt, new.crashes, new.run_at);
      elsif new.state <> old.state or new.token <> old.token or new.attempt <> old.attempt then
        insert into history (id, "from", "to", token, attempt, crashes, due_at)
          values (new.id, (${NAMES})[old.state + 1], (${NAMES})[new.state + 1], new.token, new.attempt, new.crashes, old.run_at);
      end if;
      return null;
    end $$;
    create function ${s}.record_end() returns trigger language plpgsql set search_path = ${s}, pg_catalog as $$
    begin
      insert into history (id, "from", "to", token, attempt, crashes, due_at)
        select new.id, (select h."to" from history h where h.id = new.id order by h.seq desc limit 1),
               (${NAMES})[new.status + 1], new.token, new.attempt, new.crashes, new.run_at;
      return null;
    end $$;
    create index on ${s}.history (id, seq);
    create trigger record after insert or update on ${s}.live for each row execute function ${s}.record_live();
    create trigger record after insert on ${s}.outcome for each row execute function ${s}.record_end();`)
}

/** All steps, in order. */
export async function readHistory(pool: Pool, schema: string): Promise<Step[]> {
  const { rows } = await pool.query<Omit<Step, 'seq'> & { seq: string }>(`
    select seq, id, "from", "to", token, attempt, crashes,
           (extract(epoch from due_at) * 1000)::float8 as "dueAt", (extract(epoch from at) * 1000)::float8 as at
      from "${schema}".history order by seq`)
  return rows.map((row) => ({ ...row, seq: Number(row.seq), token: String(row.token) }))
}
