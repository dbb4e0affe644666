/**
 * What a piece of work costs besides time: statements sent, WAL written, CPU on both sides.
 *
 * Statements are counted where they leave: every `query` of every `pg` client of this process.
 * WAL and server CPU are those of the whole server, background work included.
 */
import pg from 'pg'
import type { BenchDatabase } from './database.ts'
import type { Figures } from './harness.ts'
import { serverCpuReader } from './server-cpu.ts'

let sent = 0

// The one place where a driver is patched: no contender can forget to count itself.
// oxlint-disable-next-line typescript/unbound-method -- called with its own `this` below
const original = pg.Client.prototype.query
Object.defineProperty(pg.Client.prototype, 'query', {
  configurable: true,
  writable: true,
  value(this: pg.Client, ...args: unknown[]): unknown {
    sent += 1
    return Reflect.apply(original, this, args)
  },
})

/** Measures one piece of work that handles `tasks` tasks. */
export type Meter = (tasks: number, work: () => Promise<void>) => Promise<Figures>

/** A meter for a server. Its own statements are not counted. */
export async function openMeter(database: BenchDatabase): Promise<Meter> {
  const readServerCpu = await serverCpuReader(database)
  const readWal = async (): Promise<number> => {
    const { rows } = await database.admin.query<{ bytes: string }>(
      `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bytes`,
    )
    return Number(rows[0]!.bytes)
  }
  return async (tasks, work) => {
    const walBefore = await readWal()
    const serverBefore = await readServerCpu()
    const sentBefore = sent
    const clientBefore = process.cpuUsage()
    const start = performance.now()
    await work()
    const seconds = (performance.now() - start) / 1000
    const client = process.cpuUsage(clientBefore)
    const statements = sent - sentBefore
    const serverAfter = await readServerCpu()
    const wal = (await readWal()) - walBefore
    return {
      perSecond: tasks / seconds,
      seconds,
      statementsPerTask: statements / tasks,
      walPerTask: wal / tasks,
      clientMicrosPerTask: (client.user + client.system) / tasks,
      serverMicrosPerTask: serverBefore === null || serverAfter === null ? NaN : (serverAfter - serverBefore) / tasks,
    }
  }
}
