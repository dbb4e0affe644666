/**
 * One database server for a whole vitest run.
 *
 * Several projects name this file as their `globalSetup`; the first starts the server, the last
 * to finish stops it. Tests read its address with `inject('databaseUrl')` and work in schemas of
 * their own, so that they can run side by side.
 */
import type { TestProject } from 'vitest/node'
import { type Database, startDatabase } from './index.ts'

declare module 'vitest' {
  interface ProvidedContext {
    databaseUrl: string
  }
}

interface Shared {
  users: number
  database: Promise<Database>
}

/** This server is never crashed: tests that do so start their own, which waits for the disk as usual. */
const SETTINGS = { fsync: 'off', full_page_writes: 'off' }

// Each project may load its own copy of this module, so the server hangs on the process.
const holder = globalThis as typeof globalThis & { [key: symbol]: Shared | undefined }
const key = Symbol.for('@q/dev-database/vitest')

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = (holder[key] ??= { users: 0, database: startDatabase({ settings: SETTINGS }) })
  shared.users++
  project.provide('databaseUrl', (await shared.database).url)
  return async () => {
    if (--shared.users > 0) return
    holder[key] = undefined
    await (await shared.database).stop()
  }
}
