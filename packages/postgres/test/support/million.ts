/** A million tasks in fifty queues of four priorities each, seven of ten finished, as batches of fifty would have left them. */
import type { TestSchema } from './schema.ts'

/** Tasks in all. */
export const TASKS = 1_000_000
/** Of them finished: 3 of 100 killed, 1 cancelled. */
export const FINISHED = 700_000
/** Held by fifty workers, ten each. */
export const HELD = 500
/** Not yet due, the others of those that have not ended wait or, one of fifteen, failed before. */
export const SCHEDULED = 30_000
export const QUEUES = 50
const LANES = QUEUES * 4

const ERROR = `jsonb_build_object('name', 'TypeError', 'message', 'x is not a function', 'fingerprint', lpad(to_hex(n % 1000), 16, '0'),
  'stack', repeat('at handler (file:///app/tasks.js:1:2)', 20))`
const AT = `now() - interval '10 days' + n * interval '0.86 seconds'`
const LANE = `1 + n / 50 * 7919 % ${LANES}`
const ID = `lpad(to_hex(n), 32, '0')::uuid`
const TOKEN = `((extract(epoch from ${AT}) * 1000)::int8 << 20) | n`
const HELD_TOKEN = `((extract(epoch from now()) * 1000)::int8 << 20) | (n / 10)`
const FAILED = `(n >= ${FINISHED + HELD} and n < ${TASKS - SCHEDULED} and n * 31 % 15 = 0)`

const FILL = [
  `insert into lane (queue, priority) select 'queue-' || lpad(q::text, 2, '0'), p from generate_series(1, ${QUEUES}) q, generate_series(0, 3) p`,
  `insert into task (id, lane, created_at, codec, payload) select ${ID}, ${LANE}, ${AT}, 'json', '{"n":1}' from generate_series(0, ${TASKS - 1}::int8) n`,
  `insert into outcome (id, lane, status, attempt, crashes, token, run_at, finished_at, codec, result, error)
     select ${ID}, ${LANE}, case when n * 31 % 100 < 3 then 5 when n * 31 % 100 = 3 then 6 else 4 end, 1, 0, ${TOKEN}, ${AT}, ${AT} + interval '2 seconds',
            'json', '"ok"', case when n * 31 % 100 < 3 then ${ERROR} end
       from generate_series(0, ${FINISHED - 1}::int8) n`,
  `insert into live (id, lane, run_at, token, state, attempt, error)
     select ${ID}, ${LANE}, case when n >= ${TASKS - SCHEDULED} then now() + interval '1 minute' + (n - ${TASKS - SCHEDULED}) * interval '3 seconds' else ${AT} end,
            case when n < ${FINISHED + HELD} then ${HELD_TOKEN} else 0 end,
            case when n < ${FINISHED + HELD} then 1 + n % 2 when ${FAILED} then 3 else 0 end,
            case when n < ${FINISHED + HELD} or ${FAILED} then 1 else 0 end,
            case when ${FAILED} then ${ERROR} end
       from generate_series(${FINISHED}, ${TASKS - 1}::int8) n`,
  `insert into worker (id, name, queues, started_at)
     select gen_random_uuid(), 'worker-' || n, array['queue-' || lpad(n::text, 2, '0')], now() from generate_series(1, ${QUEUES}) n`,
  `insert into instance (id, worker, queues, lease_ms, beat_at, lease_until)
     select id, number, queues, 60000, now(), now() + interval '1 hour' from worker`,
  `insert into claim (token, instance, worker, lane, from_at, to_at, ids)
     select c.token, w.id, w.number, c.lane, c.from_at, c.to_at, c.ids
       from (select ${HELD_TOKEN} as token, n / 10 % ${QUEUES} as worker, min(${LANE}) as lane, min(${AT}) as from_at, max(${AT}) as to_at,
                    array_agg(${ID} order by n) as ids
               from generate_series(${FINISHED}, ${FINISHED + HELD - 1}::int8) n group by 1, 2) as c
       join (select *, row_number() over (order by number) - 1 as place from worker) as w on w.place = c.worker`,
  `insert into count (lane, unfinished, failing, done, killed, cancelled)
     select l.id, coalesce(v.unfinished, 0), coalesce(v.failing, 0), coalesce(o.done, 0), coalesce(o.killed, 0), coalesce(o.cancelled, 0)
       from lane l
       left join (select lane, count(*) as unfinished, count(*) filter (where state = 3) as failing from live group by 1) v on v.lane = l.id
       left join (select lane, count(*) filter (where status = 4) as done, count(*) filter (where status = 5) as killed,
                         count(*) filter (where status = 6) as cancelled from outcome group by 1) o on o.lane = l.id`,
  `insert into stat (queue, step, at, pushed, failed, done, killed, cancelled, ran, waited)
     select q.queue, s.step, date_trunc(s.unit, now(), 'UTC') - g.n * s.length, 10, 1, 9, 1, 0, array_fill(1::int8, array[24]), array_fill(1::int8, array[24])
       from (select distinct queue from lane union all select '') as q
      cross join (values (0::int2, 'minute', interval '1 minute', 120), (1::int2, 'hour', interval '1 hour', 100), (2::int2, 'day', interval '1 day', 30)) as s(step, unit, length, n)
      cross join lateral generate_series(0, s.n - 1) as g(n)`,
  `insert into error_group (queue, fingerprint, name, message, first_at, last_at, n, sample)
     select q.queue, lpad(to_hex(n), 16, '0'), 'TypeError', 'x is not a function', now() - interval '9 days', now() - n * interval '1 minute', 28, lpad('', 32, '0')::uuid
       from (select distinct queue from lane) as q, generate_series(0, 199) n`,
  `insert into attempt (id, token, lane, attempt, result, ended_at, error)
     select ${ID}, ${TOKEN}, ${LANE}, 1, 3, ${AT}, ${ERROR} from generate_series(${FINISHED + HELD}, ${TASKS - SCHEDULED - 1}::int8) n where ${FAILED}`,
  `insert into progress (id, done, at) select ${ID}, 1, now() from generate_series(${FINISHED}, ${FINISHED + HELD - 1}::int8) n`,
]

/** Fills the tables of a schema that is set up and empty. */
export async function fillWithMillion(on: TestSchema): Promise<void> {
  const client = await on.pool.connect()
  try {
    await client.query(`set search_path = "${on.schema}"`)
    await client.query('begin')
    for (const statement of FILL) await client.query(statement)
    await client.query('commit')
  } finally {
    await client.query('reset all')
    client.release()
  }
}
