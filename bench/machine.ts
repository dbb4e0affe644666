/** What was measured on: enough to judge a figure, nothing that names the machine. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Pool } from 'pg'

/** Stands in every result. */
export interface Environment {
  readonly date: string
  /** Commit of the code that was measured; `null` outside a repository, `+` after it with changes. */
  readonly commit: string | null
  readonly node: string
  readonly pg: string
  readonly postgres: string
  readonly cpu: string
  readonly memoryGiB: number
  readonly platform: string
  /** Load average of the last minute when the run began: above the number of CPUs, trust ratios only. */
  readonly loadAtStart: number
  /** Server settings that matter here. */
  readonly settings: Readonly<Record<string, string>>
}

const SETTINGS = [
  'fsync',
  'synchronous_commit',
  'shared_buffers',
  'max_wal_size',
  'checkpoint_timeout',
  'full_page_writes',
  'wal_level',
  'autovacuum',
  'data_checksums',
  'shared_preload_libraries',
]

/** Describes machine, versions and server. */
export async function describeEnvironment(pool: Pool): Promise<Environment> {
  const { rows: version } = await pool.query<{ server_version: string }>('show server_version')
  const { rows: settings } = await pool.query<{ name: string; value: string }>(
    'select name, current_setting(name) as value from pg_settings where name = any($1) order by name',
    [SETTINGS],
  )
  const cpus = os.cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: await commit(),
    node: process.versions.node,
    pg: await versionOf('pg'),
    postgres: version[0]!.server_version,
    cpu: `${cpus.length} x ${cpus[0]?.model.trim() ?? 'unknown'}`,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    platform: `${os.platform()} ${os.arch()}`,
    loadAtStart: Number(os.loadavg()[0]!.toFixed(1)),
    settings: Object.fromEntries(settings.map(({ name, value }) => [name, value])),
  }
}

async function versionOf(name: string): Promise<string> {
  const file = createRequire(import.meta.url).resolve(`${name}/package.json`)
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version
}

async function commit(): Promise<string | null> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', args, { cwd: path.dirname(import.meta.dirname) })).stdout.trim()
  try {
    const changed = await git('status', '--porcelain')
    return `${await git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '+'}`
  } catch {
    return null
  }
}
