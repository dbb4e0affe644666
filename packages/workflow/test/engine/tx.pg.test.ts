/** Steps inside a transaction: what they write, and what follows from them, is one commit or nothing. */
import { fixed, retry, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import type { Definition } from '../../src/build/definition.ts'
import { goto } from '../../src/build/goto.ts'
import type { Run } from '../../src/run/handle.ts'

describe('a step in a transaction', () => {
  const pool = new pg.Pool({ connectionString: inject('databaseUrl'), max: 10 })
  const schema = `workflow_tx_${process.pid}_${Date.now().toString(36)}`
  const store = PostgresStorage.withNotify<unknown>({ pool, schema, queue: 'flows' })

  beforeAll(async () => {
    await PostgresStorage.setup(pool, { schema })
    await pool.query(`create table ${schema}.notes (note text)`)
  })
  afterAll(async () => {
    await store.close()
    await pool.query(`drop schema ${schema} cascade`)
    await pool.end()
  })

  async function finish<Output>(flow: Definition<number, Output>, input: number): Promise<Run<Output>> {
    const run = await flow.pushStart(store, input)
    const worker = new WorkerBuilder('w')
      .backend(store)
      .use(retry({ retries: 3, backoff: fixed(1) }))
      .build(flow)
    await worker.runUntil(run.finished)
    return run
  }

  function write(tx: pg.PoolClient, note: string): Promise<unknown> {
    return tx.query(`insert into ${schema}.notes values ($1)`, [note])
  }

  async function notes(note: string): Promise<number> {
    const { rows } = await pool.query(`select from ${schema}.notes where note = $1`, [note])
    return rows.length
  }

  it('stores what it wrote, and tasks that it lets follow', async () => {
    const others = PostgresStorage.withNotify<string>({ pool, schema, queue: 'others' })
    const flow = new Workflow<number>('follows').tx('t', async (tx: pg.PoolClient, n, ctx) => {
      await write(tx, 'follows')
      ctx.follow(others.encode('hello'))
      return n
    })
    expect(await (await finish(flow, 1)).result()).toBe(1)
    expect(await notes('follows')).toBe(1)
    expect((await others.list()).items).toHaveLength(1)
    await others.close()
  })

  it('leaves nothing behind when it fails for good, or its output cannot be stored, and is not tried again', async () => {
    let ran = 0
    const flow = (name: string, output: unknown): Definition<number, unknown> =>
      new Workflow<number>(name).tx('t', async (tx: pg.PoolClient) => {
        ran += 1
        await write(tx, 'nothing')
        return output
      })
    await expect((await finish(flow('fails', goto.fail(new Error('not this'))), 1)).result()).rejects.toThrow(
      /not this/,
    )
    await expect((await finish(flow('unstorable', 10n), 1)).result()).rejects.toThrow()
    expect(ran).toBe(2)
    expect(await notes('nothing')).toBe(0)
  })

  it('may give a long collection to a map', async () => {
    const flow = new Workflow<number>('pages')
      .tx('t', async (tx: pg.PoolClient, n) => {
        await write(tx, 'pages')
        return Array.from({ length: n }, (_, index) => `${index} ${'x'.repeat(500)}`)
      })
      .map('length', (text) => text.length, { isolate: 'slice' })
    expect(await (await finish(flow, 3_000)).result()).toHaveLength(3_000)
    expect(await notes('pages')).toBe(1)
  })
})
