/**
 * Measures storage layouts of the task queue. `node --conditions=@q/source bench/layouts/run.ts [step ...]`
 * Database: DATABASE_URL (its schema `layouts_bench` is dropped!) or a server of its own.
 * Contenders are interleaved, medians are reported, all results go to results.json beside this file.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { startDatabase } from '@q/dev-database'
import pg from 'pg'
import { bodyLiveOutcome } from './body-live-outcome.ts'
import { allPins, type Built, build, type Layout, type Operation, type Options, schema, sqlId } from './layout.ts'
import { liveAndHistory } from './live-and-history.ts'
import { rawDelete } from './raw-delete.ts'
import { readyAndLease } from './ready-and-lease.ts'
import { updateInPlace } from './update-in-place.ts'

interface Contender {
  name: string
  layout: Layout
  options: Options
}
interface Task {
  id: string
  token: string
  attempt: number
  runAt: string
  tid: string | null
}
interface Low {
  at: string
  id: string
}

const A: Contender = { name: 'A', layout: updateInPlace, options: {} }
const C: Contender = { name: 'C', layout: readyAndLease, options: {} }
const D: Contender = { name: 'D', layout: bodyLiveOutcome, options: {} }
const Ex: Contender = { name: 'E', layout: liveAndHistory, options: {} }
const raw: Contender = { name: 'raw', layout: rawDelete, options: { form: 'named' } }
const main = [raw, A, C, D, Ex]
const d = (name: string, options: Options): Contender => ({
  name: `D ${name}`,
  layout: bodyLiveOutcome,
  options,
})
const e = (name: string, options: Options): Contender => ({
  name: `E ${name}`,
  layout: liveAndHistory,
  options,
})

// ---------------------------------------------------------------- database

const settings: Record<string, string> = {
  shared_buffers: '1GB',
  max_wal_size: '4GB',
  checkpoint_timeout: '1h',
  max_connections: '50',
}

const types = {
  getTypeParser: (oid: number) => (oid === 17 ? (v: string) => Buffer.from(v.slice(2), 'hex') : (v: string) => v),
} as unknown as pg.CustomTypesConfig

let url = ''
async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, types, pipeline: true } as pg.ClientConfig)
  client.on('error', () => {})
  await client.connect()
  return client
}

let admin: pg.Client
const one = async (sql: string): Promise<string> =>
  (await admin.query({ text: sql, rowMode: 'array' })).rows[0]?.[0] as string
const lsn = async (): Promise<bigint> => BigInt(await one(`select pg_current_wal_insert_lsn() - '0/0'::pg_lsn`))

// ---------------------------------------------------------------- one contender

const zeroUuid = '00000000-0000-0000-0000-000000000000'
let counter = 0
const startMs = Date.now()
/** monotonic, time ordered, made by the client */
function nextId(type: 'uuid' | 'int8'): string {
  const n = ++counter
  if (type === 'int8') return String(1_000_000_000_000 + n)
  const t = (startMs + Math.floor(n / 4096)).toString(16).padStart(12, '0')
  const r = randomTail
  return `${t.slice(0, 8)}-${t.slice(8)}-7${(n % 4096).toString(16).padStart(3, '0')}-${r}`
}
const randomTail = `a${randomBytes(2).toString('hex').slice(0, 3)}-${randomBytes(6).toString('hex')}`

/** microseconds of CPU that a local backend has used; 0 when the server is elsewhere */
function backendCpu(clients: pg.Client[]): number {
  let sum = 0
  for (const client of clients) {
    try {
      const fields = readFileSync(`/proc/${(client as unknown as { processID: number }).processID}/stat`, 'utf8')
        .split(') ')[1]!
        .split(' ')
      sum += (Number(fields[11]) + Number(fields[12])) * 10_000
    } catch {
      return 0
    }
  }
  return sum
}

class Queue {
  built: Built
  contender: Contender
  idType: 'uuid' | 'int8'
  statements = 0
  constructor(contender: Contender) {
    this.contender = contender
    this.built = build(contender.layout, contender.options)
    this.idType = contender.options.idType ?? 'uuid'
  }

  async setup(): Promise<void> {
    await admin.query(`drop schema if exists ${schema} cascade; create schema ${schema}; ${this.built.ddl}`)
    await admin.query('checkpoint')
  }

  none(): Low {
    return { at: '-infinity', id: this.idType === 'uuid' ? zeroUuid : '0' }
  }

  async run(client: pg.Client, op: Operation | 'fused', values: unknown[]): Promise<unknown[][]> {
    const statement = this.built.statements[op]
    this.statements++
    const result = await client.query({
      ...(this.built.form === 'unnamed' ? {} : { name: `${this.contender.name} ${op} ${statement.text.length}` }),
      text: statement.text,
      values: statement.uses.map((i) => values[i]),
      rowMode: 'array',
    })
    return result.rows as unknown[][]
  }

  async push(
    client: pg.Client,
    n: number,
    options: { lane?: number; delay?: number; bytes?: number; chunk?: number; text?: boolean } = {},
  ): Promise<void> {
    const bytes = options.bytes ?? 100
    const payload = bytes > 1000 ? randomBytes(bytes) : Buffer.from(`{"to":"${'x'.repeat(bytes - 9)}"}`)
    const chunk = options.chunk ?? 1000
    for (let i = 0; i < n; i += chunk) {
      const count = Math.min(chunk, n - i)
      const ids = Array.from({ length: count }, () => nextId(this.idType))
      await this.run(client, 'push', [ids, options.lane ?? 1, options.delay ?? 0, ids.map(() => payload)])
    }
  }

  claimValues(n: number, low: Low, lanes: number[], instance: number): unknown[] {
    return [lanes, lanes.map(() => low.at), lanes.map(() => low.id), n, instance]
  }

  tasks(rows: unknown[][]): Task[] {
    return rows.map((r) => ({
      id: r[0] as string,
      token: r[1] as string,
      attempt: Number(r[2]),
      runAt: r[4] as string,
      tid: r[5] as string | null,
    }))
  }

  async claim(client: pg.Client, n: number, low: Low = this.none(), lanes = [1], instance = 1): Promise<Task[]> {
    return this.tasks(await this.run(client, 'claim', this.claimValues(n, low, lanes, instance)))
  }

  settleValues(tasks: Task[], last = true): unknown[] {
    const elapsed = tasks.map(() => 1)
    return [
      tasks.map((t) => t.id),
      tasks.map((t) => t.token),
      elapsed,
      tasks.map(() => null),
      last && tasks.length > 0 ? [tasks[0]!.token] : [],
      tasks.map((t) => t.tid),
    ]
  }

  async settle(client: pg.Client, tasks: Task[], last = true): Promise<number> {
    return Number((await this.run(client, 'settle', this.settleValues(tasks, last)))[0]?.[0] ?? 0)
  }

  async fail(client: pg.Client, tasks: Task[], delay: number): Promise<number> {
    const rows = await this.run(client, 'fail', [
      tasks.map((t) => t.id),
      tasks.map((t) => t.token),
      tasks.map(() => delay),
      tasks.map(() => '{"name":"Error","message":"boom"}'),
    ])
    return Number(rows[0]?.[0] ?? 0)
  }

  async fused(client: pg.Client, tasks: Task[], n: number, low: Low): Promise<Task[]> {
    return this.tasks(
      await this.run(client, 'fused', [...this.settleValues(tasks), ...this.claimValues(n, low, [1], 1)]),
    )
  }
}

/** the low-water mark a claimer keeps in memory; a full look once a second */
class LowWater {
  kind: 'none' | 'run_at' | 'row'
  queue: Queue
  low: Low
  looked = performance.now()
  constructor(queue: Queue, kind: 'none' | 'run_at' | 'row') {
    this.queue = queue
    this.kind = kind
    this.low = queue.none()
  }
  get(): Low {
    if (this.kind === 'none') return this.queue.none()
    if (performance.now() - this.looked > 1000) {
      this.looked = performance.now()
      return this.queue.none()
    }
    return this.kind === 'row' ? this.low : { at: this.low.at, id: this.queue.none().id }
  }
  saw(tasks: Task[]): void {
    let { at, id } = this.low
    for (const t of tasks)
      if (
        at === '-infinity' ||
        t.runAt > at ||
        (t.runAt === at && (t.id.length === id.length ? t.id > id : t.id.length > id.length))
      ) {
        at = t.runAt
        id = t.id
      }
    this.low = { at, id }
  }
}

type Mode = 'sequence' | 'pipelined' | 'fused' | 'overlapped' | 'two' | 'two fused'

/** drains; returns tasks per second. Stops at the cap. */
async function drain(
  queue: Queue,
  clients: pg.Client[],
  mode: Mode,
  batch: number,
  water: 'none' | 'run_at' | 'row' = 'none',
  limit = Infinity,
  cap = 20_000,
): Promise<{ rate: number; done: number }> {
  const begin = performance.now()
  let done = 0
  const late = () => performance.now() - begin > cap || done >= limit
  const loop = async (client: pg.Client, own: Mode, settler = client): Promise<void> => {
    const low = new LowWater(queue, water)
    let tasks = await queue.claim(client, batch, low.get())
    while (tasks.length > 0) {
      low.saw(tasks)
      done += tasks.length
      if (late()) {
        await queue.settle(settler, tasks)
        return
      }
      if (own === 'fused') {
        tasks = await queue.fused(client, tasks, batch, low.get())
      } else if (own === 'sequence') {
        await queue.settle(settler, tasks)
        tasks = await queue.claim(client, batch, low.get())
      } else {
        // pipelined: one connection, one round trip, two transactions; overlapped: the settler is another connection
        const [, next] = await Promise.all([queue.settle(settler, tasks), queue.claim(client, batch, low.get())])
        tasks = next
      }
      if (tasks.length === 0 && water !== 'none') tasks = await queue.claim(client, batch)
    }
  }
  if (mode === 'two') await Promise.all([loop(clients[0]!, 'pipelined'), loop(clients[1]!, 'pipelined')])
  else if (mode === 'two fused') await Promise.all([loop(clients[0]!, 'fused'), loop(clients[1]!, 'fused')])
  else if (mode === 'overlapped') await loop(clients[0]!, mode, clients[1]!)
  else await loop(clients[0]!, mode)
  return { rate: Math.round(done / ((performance.now() - begin) / 1000)), done }
}

// ---------------------------------------------------------------- steps

const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const round = (v: number, digits = 0): number => Number(v.toFixed(digits))
const rounds = Number(process.env['ROUNDS'] ?? 3)
const results: Record<string, unknown> = (() => {
  try {
    return JSON.parse(readFileSync(join(import.meta.dirname, 'results.json'), 'utf8')) as Record<string, unknown>
  } catch {
    return {}
  }
})()
function save(step: string, value: unknown): void {
  results[step] = value
  writeFileSync(
    join(import.meta.dirname, 'results.json'),
    `${JSON.stringify(results, null, 1)
      .replace(/\n {3,}/g, ' ')
      .replace(/\n {2}\}/g, ' }')}\n`,
  )
  console.log(`\n## ${step}`)
  if (Array.isArray(value)) console.table(value)
  else console.log(JSON.stringify(value))
}

/** WAL per task of push, claim, settle, each on its own over n tasks, and of the whole life */
async function wal(contenders: Contender[], n = 20_000, bytes = 100, batch = 500): Promise<unknown[]> {
  const rows: unknown[] = []
  const client = await connect()
  for (const contender of contenders) {
    const queue = new Queue(contender)
    await queue.setup()
    const at = [await lsn()]
    await queue.push(client, n, { bytes })
    at.push(await lsn())
    const batches: Task[][] = []
    for (;;) {
      const tasks = await queue.claim(client, batch)
      if (tasks.length === 0) break
      batches.push(tasks)
    }
    at.push(await lsn())
    let settled = 0
    for (const tasks of batches) settled += await queue.settle(client, tasks)
    at.push(await lsn())
    if (settled !== n) throw new Error(`${contender.name}: settled ${settled} of ${n}`)
    const per = at.slice(1).map((v, i) => round(Number(v - at[i]!) / n))
    const disk = round(
      Number(
        await one(
          `select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace s on s.oid = c.relnamespace where s.nspname = '${schema}' and c.relkind = 'r'`,
        ),
      ) / n,
    )
    rows.push({
      layout: contender.name,
      push: per[0],
      claim: per[1],
      settle: per[2],
      life: per.reduce((a, b) => a + b, 0),
      'statements/task': round(queue.statements / n, 4),
      'disk B/task after': disk,
    })
  }
  await client.end()
  return rows
}

async function throughput(
  contenders: Contender[],
  modes: [Mode, number][],
  n: number,
  times = rounds,
): Promise<unknown[]> {
  const samples = new Map<string, number[]>()
  const add = (key: string, v: number) => {
    samples.set(key, [...(samples.get(key) ?? []), v])
  }
  for (let round_ = 0; round_ < times; round_++) {
    for (const [mode, batch] of modes) {
      for (const contender of contenders) {
        if (
          mode.includes('fused') &&
          contender.layout !== rawDelete &&
          (contender.options.form ?? 'function') !== 'function'
        )
          continue
        const queue = new Queue(contender)
        await queue.setup()
        const clients = [await connect(), await connect()]
        if (contender.options.sessionPins === true)
          for (const client of clients) await client.query(allPins.map((p) => `set ${p}`).join('; '))
        const pushCpu = backendCpu(clients)
        const begin = performance.now()
        await queue.push(clients[0]!, n)
        add(`${contender.name}|push`, n / ((performance.now() - begin) / 1000))
        add(`${contender.name}|push server`, (backendCpu(clients) - pushCpu) / n)
        const before = await lsn()
        const serverCpu = backendCpu(clients)
        const clientCpu = process.cpuUsage()
        const { rate, done } = await drain(queue, clients, mode, batch)
        const cpu = process.cpuUsage(clientCpu)
        add(`${contender.name}|client ${mode} ${batch}`, (cpu.user + cpu.system) / n)
        add(`${contender.name}|server ${mode} ${batch}`, (backendCpu(clients) - serverCpu) / n)
        if (done !== n) console.log(`${contender.name} ${mode}: drained ${done} of ${n}`)
        add(`${contender.name}|${mode} ${batch}`, rate)
        add(`${contender.name}|WAL ${mode} ${batch}`, Number((await lsn()) - before) / n)
        for (const client of clients) await client.end()
      }
    }
  }
  return contenders.map((c) => {
    const row: Record<string, unknown> = {
      layout: c.name,
      push: round(median(samples.get(`${c.name}|push`) ?? [])),
    }
    for (const [mode, batch] of modes) {
      const key = `${mode} ${batch}`
      const values = samples.get(`${c.name}|${key}`)
      if (values !== undefined) row[key] = round(median(values))
    }
    const [mode, batch] = modes[0]!
    row['push CPU server us'] = round(median(samples.get(`${c.name}|push server`) ?? []), 1)
    row['CPU client us'] = round(median(samples.get(`${c.name}|client ${mode} ${batch}`) ?? []), 1)
    row['CPU server us'] = round(median(samples.get(`${c.name}|server ${mode} ${batch}`) ?? []), 1)
    row[`WAL B/task ${mode}`] = round(median(samples.get(`${c.name}|WAL ${mode} ${batch}`) ?? []))
    return row
  })
}

/** buffers and ms of the claim statement, from EXPLAIN of the very statement */
async function fetchCost(
  queue: Queue,
  client: pg.Client,
  low: Low,
  n = 500,
  times = 5,
): Promise<{ buffers: number; ms: number; rows: number }> {
  const statement = queue.built.statements.claim
  const values = queue.claimValues(n, low, [1], 1)
  const buffers: number[] = []
  const ms: number[] = []
  const rows: number[] = []
  for (let i = 0; i < times; i++) {
    const result = await client.query({
      text: `explain (analyze, buffers, timing off, format json) ${statement.text}`,
      values: statement.uses.map((k) => values[k]),
      rowMode: 'array',
    })
    const plan = (
      JSON.parse(result.rows[0]?.[0] as string) as {
        Plan: Record<string, number>
        'Execution Time': number
      }[]
    )[0]!
    buffers.push(plan.Plan['Shared Hit Blocks']! + plan.Plan['Shared Read Blocks']!)
    ms.push(plan['Execution Time'])
    rows.push(plan.Plan['Actual Rows']!)
  }
  return { buffers: median(buffers), ms: round(median(ms), 2), rows: median(rows) }
}

async function fetches(contenders: Contender[]): Promise<unknown[]> {
  const rows: unknown[] = []
  for (const contender of contenders) {
    const row: Record<string, unknown> = { layout: contender.name }
    const report = (name: string, cost: { buffers: number; ms: number; rows: number }) => {
      row[name] = `${cost.ms} ms, ${cost.buffers} buf${cost.rows === 500 ? '' : `, ${cost.rows} rows!`}`
    }
    for (const scenario of ['empty', '1M finished', '1M scheduled', '1M finished, analysed when empty'] as const) {
      if (scenario.includes('finished') && contender.layout === rawDelete) continue
      const queue = new Queue(contender)
      await queue.setup()
      if (scenario.includes('analysed')) await admin.query('vacuum analyze')
      if (scenario.startsWith('1M finished'))
        await admin.query(contender.layout.fill(contender.options).finished(1_000_000))
      if (scenario === '1M scheduled') await admin.query(contender.layout.fill(contender.options).scheduled(1_000_000))
      const client = await connect()
      await queue.push(client, 20_000)
      await queue.claim(client, 10)
      report(scenario, await fetchCost(queue, client, queue.none()))
      if (scenario === '1M scheduled') {
        const begin = performance.now()
        await queue.run(client, 'running', [])
        row['running, 1M scheduled'] = `${round(performance.now() - begin, 1)} ms`
        const again = performance.now()
        await queue.run(client, 'recover', [1])
        row['recover ~2,500, 1M scheduled'] = `${round(performance.now() - again, 1)} ms`
      }
      await client.end()
    }
    // 5,000 long-running tasks at the head
    const queue = new Queue(contender)
    await queue.setup()
    const client = await connect()
    await queue.push(client, 5_000)
    const held: Task[] = []
    const low = new LowWater(queue, 'row')
    for (let i = 0; i < 10; i++) {
      const tasks = await queue.claim(client, 500)
      held.push(...tasks)
    }
    low.saw(held)
    await queue.push(client, 20_000)
    report('5k running at the head', await fetchCost(queue, client, queue.none()))
    report('5k running, low water', await fetchCost(queue, client, low.get()))
    await client.end()
    rows.push(row)
  }
  return rows
}

/** a REPEATABLE READ snapshot is held while 200,000 pass; then 20,000 are drained */
async function snapshot(contenders: Contender[], n = 200_000): Promise<unknown[]> {
  const rows: unknown[] = []
  for (const contender of contenders) {
    const row: Record<string, unknown> = { layout: contender.name }
    const base = new Queue(contender)
    await base.setup()
    const clients = [await connect(), await connect()]
    const free: number[] = []
    for (let i = 0; i < 3; i++) {
      await base.push(clients[0]!, 60_000)
      free.push((await drain(base, clients, 'overlapped', 500)).rate)
    }
    row['free/s'] = median(free)
    for (const water of ['none', 'run_at', 'row'] as const) {
      const queue = new Queue(contender)
      await queue.setup()
      const holder = await connect()
      await holder.query('begin isolation level repeatable read')
      await holder.query(`select count(*) from pg_class`)
      for (let i = 0; i < n; i += 50_000) {
        await queue.push(clients[0]!, 50_000, { chunk: 5000 })
        await drain(queue, clients, 'overlapped', 500, 'row', Infinity, 10_000)
      }
      // long enough that a bounded drain contains full looks
      const timed = water === 'none' ? 20_000 : 80_000
      await queue.push(clients[0]!, timed + 20_000)
      await drain(queue, clients, 'overlapped', 500, water, 10_000)
      row[`${water === 'none' ? 'no bound' : `bound ${water}`}/s`] = (
        await drain(queue, clients, 'overlapped', 500, water, timed)
      ).rate
      if (water === 'none') {
        const cost = await fetchCost(queue, clients[0]!, queue.none(), 500, 3)
        row['full look'] = `${cost.ms} ms, ${cost.buffers} buf`
      }
      await holder.query('commit')
      await holder.end()
    }
    for (const client of clients) await client.end()
    rows.push(row)
  }
  return rows
}

async function concurrent(contenders: Contender[], n = 50_000, batch = 100, claimers = 8): Promise<unknown[]> {
  const rows: unknown[] = []
  for (const mode of ['two transactions', 'fused'] as const) {
    for (const contender of contenders) {
      const queue = new Queue(contender)
      await queue.setup()
      const clients = await Promise.all(Array.from({ length: claimers }, connect))
      await queue.push(clients[0]!, n)
      const before = Number(await one(`select deadlocks from pg_stat_database where datname = current_database()`))
      const seen = new Map<string, number>()
      let errors = 0
      let settled = 0
      const begin = performance.now()
      await Promise.all(
        clients.map(async (client, instance) => {
          let idle = 0
          let tasks: Task[] = []
          while (idle < 3 && performance.now() - begin < 20_000) {
            try {
              if (mode === 'fused') {
                const previous = tasks
                tasks = await queue.fused(client, previous, batch, queue.none())
                settled += previous.length
              } else {
                tasks = await queue.claim(client, batch, queue.none(), [1], instance)
                const count = await queue.settle(client, tasks)
                settled += count
              }
              for (const t of tasks) seen.set(t.id, (seen.get(t.id) ?? 0) + 1)
              idle = tasks.length === 0 ? idle + 1 : 0
            } catch (error) {
              errors++
              if (errors === 1) console.log(contender.name, mode, (error as Error).message)
            }
          }
        }),
      )
      const rate = round(n / ((performance.now() - begin) / 1000))
      for (const client of clients) await client.end()
      await new Promise((resolve) => setTimeout(resolve, 1100))
      rows.push({
        layout: contender.name,
        mode,
        rate,
        seen: seen.size,
        settled,
        duplicates: [...seen.values()].filter((v) => v > 1).length,
        errors,
        deadlocks:
          Number(await one(`select deadlocks from pg_stat_database where datname = current_database()`)) - before,
      })
    }
  }
  return rows
}

/** 10 % of each batch fail and are retried at once, the rest is done in three partial settles */
async function partial(contenders: Contender[], n = 50_000): Promise<unknown[]> {
  const rows: unknown[] = []
  for (const contender of contenders) {
    const queue = new Queue(contender)
    await queue.setup()
    const client = await connect()
    await queue.push(client, n)
    const before = await lsn()
    const begin = performance.now()
    let done = 0
    let failed = 0
    for (;;) {
      const tasks = await queue.claim(client, 500)
      if (tasks.length === 0) break
      const bad = tasks.filter((t, i) => i % 10 === 0 && t.attempt === 1)
      const good = tasks.filter((t, i) => !(i % 10 === 0 && t.attempt === 1))
      if (bad.length > 0) failed += await queue.fail(client, bad, 0)
      const third = Math.ceil(good.length / 3)
      for (let i = 0; i < 3; i++) done += await queue.settle(client, good.slice(i * third, (i + 1) * third), i === 2)
    }
    const seconds = (performance.now() - begin) / 1000
    rows.push({
      layout: contender.name,
      'done/s': round(done / seconds),
      done,
      retried: failed,
      'WAL B/task': round(Number((await lsn()) - before) / n),
    })
    await client.end()
  }
  return rows
}

/** single tasks: push 1, claim 1, settle 1; each its own commit */
async function singles(contenders: Contender[], n = 1_000): Promise<unknown[]> {
  const rows: unknown[] = []
  for (const contender of contenders) {
    const queue = new Queue(contender)
    await queue.setup()
    const client = await connect()
    await queue.push(client, 20, { chunk: 1 })
    for (let i = 0; i < 20; i++) await queue.settle(client, await queue.claim(client, 1))
    const before = await lsn()
    let begin = performance.now()
    await queue.push(client, n, { chunk: 1 })
    const pushed = performance.now()
    const pushWal = await lsn()
    begin = performance.now() - (pushed - begin)
    const start = performance.now()
    const low = new LowWater(queue, 'row')
    for (let i = 0; i < n; i++) {
      const tasks = await queue.claim(client, 1, low.get())
      low.saw(tasks)
      await queue.settle(client, tasks)
    }
    const end = performance.now()
    rows.push({
      layout: contender.name,
      'push ms': round((pushed - begin) / n, 3),
      'claim+settle ms': round((end - start) / n, 3),
      'push WAL': round(Number(pushWal - before) / n),
      'claim+settle WAL': round(Number((await lsn()) - pushWal) / n),
    })
    await client.end()
  }
  return rows
}

/** ten priorities of one queue: ten lanes in order */
async function lanes(contenders: Contender[], n = 50_000): Promise<unknown[]> {
  const rows: unknown[] = []
  for (const contender of contenders) {
    const row: Record<string, unknown> = { layout: contender.name }
    for (const count of [1, 10, 100]) {
      const queue = new Queue(contender)
      await queue.setup()
      const client = await connect()
      const all = Array.from({ length: count }, (_, i) => i + 1)
      for (const lane of count === 100 ? [99, 100] : all)
        await queue.push(client, n / (count === 100 ? 2 : count), { lane })
      const begin = performance.now()
      let done = 0
      for (;;) {
        const tasks = await queue.claim(client, 500, queue.none(), all)
        if (tasks.length === 0) break
        done += tasks.length
        await queue.settle(client, tasks)
      }
      row[`${count} lanes/s`] = round(done / ((performance.now() - begin) / 1000))
      await client.end()
    }
    rows.push(row)
  }
  return rows
}

/** fetch one finished task by id among a million */
async function outcomeLookup(): Promise<unknown[]> {
  const rows: unknown[] = []
  for (const outcomeIndex of ['btree', 'brin', 'none'] as const) {
    const options: Options = { outcomeIndex }
    const queue = new Queue(d(outcomeIndex, options))
    await queue.setup()
    const begin = performance.now()
    await admin.query(bodyLiveOutcome.fill(options).finished(1_000_000))
    const filled = performance.now() - begin
    if (outcomeIndex === 'brin') await admin.query(`select brin_summarize_new_values('${schema}.outcome_id_idx')`)
    const lookup = `select * from ${schema}.outcome where id = ${sqlId({}).replace(/\bi\b/, '500000')}`
    const plan = (await admin.query(`explain (analyze, buffers) ${lookup}`)).rows.map((r: Record<string, string>) =>
      r['QUERY PLAN']!.trim(),
    )
    const ms: number[] = []
    for (let i = 0; i < 7; i++) {
      const start = performance.now()
      await admin.query(
        `select * from ${schema}.outcome where id = ${sqlId({}).replace(/\bi\b/, String(100_000 + i * 100_000))}`,
      )
      ms.push(performance.now() - start)
    }
    rows.push({
      index: outcomeIndex,
      'fill 1M ms': round(filled),
      'lookup ms': round(median(ms), 2),
      'index MB': round(Number(await one(`select pg_indexes_size('${schema}.outcome')`)) / 1e6, 1),
      plan: plan[0],
      buffers: plan.find((l) => l.startsWith('Buffers')),
      removed: plan.find((l) => l.startsWith('Rows Removed')),
    })
  }
  return rows
}

const variants: Contender[] = [
  D,
  d('no claim row', { claimRow: false }),
  d('settle by tid', { byTid: true }),
  d('outcome brin', { outcomeIndex: 'brin' }),
  d('outcome no index', { outcomeIndex: 'none' }),
  d('fillfactor 70', { fillfactor: 70 }),
  d('fillfactor 90', { fillfactor: 90 }),
  d('fillfactor 100', { fillfactor: 100 }),
  d('bigint ids', { idType: 'int8' }),
  e('history no index', { outcomeIndex: 'none' }),
]
const forms: Contender[] = [
  D,
  d('fn, no pins', { pins: [] }),
  d('fn, generic only', { pins: ['plan_cache_mode=force_generic_plan'] }),
  d('fn, scans only', { pins: ['enable_seqscan=off', 'enable_bitmapscan=off', 'enable_sort=off'] }),
  d('plain named', { form: 'named' }),
  d('plain unnamed', { form: 'unnamed' }),
  Ex,
  e('plain named', { form: 'named' }),
  e('plain unnamed', { form: 'unnamed' }),
]
const steps: Record<string, () => Promise<unknown>> = {
  wal: () => wal(main),
  throughput: () =>
    throughput(
      main,
      [
        ['sequence', 500],
        ['pipelined', 500],
        ['fused', 500],
        ['overlapped', 500],
        ['two', 500],
        ['two fused', 500],
        ['overlapped', 100],
      ],
      100_000,
    ),
  'wal variants': () => wal(variants),
  variants: () =>
    throughput(
      variants,
      [
        ['sequence', 500],
        ['overlapped', 500],
      ],
      100_000,
    ),
  forms: () =>
    throughput(
      forms,
      [
        ['sequence', 500],
        ['sequence', 100],
      ],
      50_000,
    ),
  'function or pins': () =>
    throughput(
      [
        D,
        d('fn, no pins', { pins: [] }),
        d('plain named', { form: 'named' }),
        d('plain named, session pins', { form: 'named', sessionPins: true }),
        d('plain unnamed, session pins', { form: 'unnamed', sessionPins: true }),
        raw,
        { ...raw, name: 'raw, session pins', options: { form: 'named', sessionPins: true } },
      ],
      [['sequence', 500]],
      50_000,
    ),
  'throughput with CPU': () =>
    throughput(
      [...main, { ...raw, name: 'raw, session pins', options: { form: 'named', sessionPins: true } }],
      [
        ['sequence', 500],
        ['pipelined', 500],
        ['two', 500],
      ],
      100_000,
    ),
  fetch: () => fetches(main),
  snapshot: () => snapshot(main),
  concurrent: () => concurrent(main),
  partial: () => partial([A, C, D, Ex]),
  singles: () => singles([...main, d('no claim row', { claimRow: false }), d('plain named', { form: 'named' })]),
  lanes: () => lanes([D, Ex]),
  'wal 8 KB': () => wal([A, C, D, Ex], 2_000, 8_192, 100),
  'wal 1.5 KB': () => wal([A, C, D, Ex], 5_000, 1_500, 100),
  'outcome lookup': () => outcomeLookup(),
}

const wanted = process.argv.slice(2)
const server = await startDatabase({ settings })
try {
  url = server.url
  admin = new pg.Client({ connectionString: url })
  await admin.connect()
  save('environment', {
    postgres: await one('show server_version'),
    node: process.version,
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? '',
    settings,
    rounds,
    fsync: await one('show fsync'),
    synchronous_commit: await one('show synchronous_commit'),
  })
  for (const [name, step] of Object.entries(steps)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const begin = performance.now()
    save(name, await step())
    console.log(`${round((performance.now() - begin) / 1000)} s`)
  }
  await admin.end()
} finally {
  await server.stop()
}
