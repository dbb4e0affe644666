/** CPU time of all processes of a Postgres on this machine, from /proc; elsewhere there is none to read. */
import { readdir, readFile } from 'node:fs/promises'
import type { BenchDatabase } from './database.ts'

/** Clock ticks of /proc are hundredths of a second on every Linux of the last decades. */
const MICROS_PER_TICK = 10_000

interface Process {
  readonly parent: number
  /** Ticks of its own and of its children that have ended. */
  readonly own: number
  readonly ended: number
}

/** Reads the microseconds used so far, or `null` where they cannot be read. */
export async function serverCpuReader(database: BenchDatabase): Promise<() => Promise<number | null>> {
  if (!database.own || process.platform !== 'linux') return () => Promise.resolve(null)
  const { rows } = await database.admin.query<{ pid: number }>('select pg_backend_pid() as pid')
  const backend = await readProcess(rows[0]!.pid)
  if (backend === null) return () => Promise.resolve(null)
  return () => readTree(backend.parent)
}

async function readTree(postmaster: number): Promise<number | null> {
  const root = await readProcess(postmaster)
  if (root === null) return null
  let ticks = root.own + root.ended
  const pids = (await readdir('/proc')).map(Number).filter((pid) => Number.isInteger(pid))
  for (const each of await Promise.all(pids.map((pid) => readProcess(pid)))) {
    if (each?.parent === postmaster) ticks += each.own
  }
  return ticks * MICROS_PER_TICK
}

async function readProcess(pid: number): Promise<Process | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (text === null) return null
  // The second field is a name in brackets that may hold anything; the fourth is the parent, 14 to 17 are ticks.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const field = (number: number): number => fields[number - 3] ?? 0
  return { parent: field(4), own: field(14) + field(15), ended: field(16) + field(17) }
}
