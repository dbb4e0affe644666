import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { describe, test, vi } from 'vitest'
import { type PostgresVersion, startDatabase } from '../src/index.ts'

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows as unknown[]
  } finally {
    await client.end()
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => socket.destroy(new Error('only looking')))
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
  })
}

describe.concurrent.each<PostgresVersion>([18, 14])('an embedded Postgres %i', (version) => {
  test('keeps committed rows through kill and restart, and is gone after stop', async ({ expect }) => {
    const database = await startDatabase({ version, own: true })
    try {
      const [row] = await query(database.url, `select current_setting('server_version') as version`)
      expect(row).toEqual({ version: expect.stringMatching(new RegExp(`^${version}\\.`)) })
      await query(database.url, 'create table kept as select 1 as n')
      await database.kill()
      expect(await isListening(database.port)).toBe(false)
      await database.restart()
      expect(await query(database.url, 'select * from kept')).toEqual([{ n: 1 }])
    } finally {
      await database.stop()
    }
    expect(await isListening(database.port)).toBe(false)
  })
})

describe.concurrent('the server of a program', () => {
  test.for(['SIGKILL', 'exit'] as const)('is gone after %s', async (end, { expect }) => {
    const file = fileURLToPath(new URL('hold.ts', import.meta.url))
    const program = spawn(process.execPath, [file, end], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(program.stdout, 'data')) as [Buffer]
    const { port } = JSON.parse(String(line)) as { port: number }
    if (end !== 'exit') {
      expect(await isListening(port)).toBe(true)
      program.kill(end)
    }
    await vi.waitFor(async () => expect(await isListening(port)).toBe(false), { timeout: 10_000 })
  })
})
