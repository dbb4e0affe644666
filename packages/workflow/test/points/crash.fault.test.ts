/** Workers that are killed inside a step's transaction, and a server that crashes and forgets what it had committed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { startDatabase } from '@q/dev-database'
import type pg from 'pg'
import { describe, expect, inject, it } from 'vitest'
import { Workflow } from '../../src/build/chain.ts'
import { dyingFlow } from './dying-flow.ts'
import { Ground } from './ground.ts'
import type { DyingConfig } from './worker-process.ts'

describe('a worker process', () => {
  it.each([
    ['after what its step wrote', 'write'],
    ['after its step was settled', 'settle'],
  ] as const)(
    'F6: is killed %s, before the commit: nothing of it is there, and the step runs again elsewhere',
    async (_when, dies) => {
      await using ground = await Ground.open(inject('databaseUrl'))
      const flow = dyingFlow(ground.schema)
      const run = await flow.pushStart(ground.store, 1)
      const config: DyingConfig = { url: ground.url, schema: ground.schema, dies }
      const child = spawn(
        process.execPath,
        ['--conditions=@q/source', new URL('worker-process.ts', import.meta.url).pathname],
        {
          env: { ...process.env, NODE_OPTIONS: '', Q_POINTS_WORKER: JSON.stringify(config) },
          stdio: ['pipe', 'inherit', 'inherit'],
        },
      )
      const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
      expect(signal).toBe('SIGKILL')
      expect(await ground.rows('select from $schema.notes')).toEqual([])
      await ground.work(flow)
      await ground.ends(run, { output: 20.5, steps: ['a done', 'b done', 'c done'], notes: { b: 1 } })
      // One death, and nobody else ran it in vain.
      expect(ground.answersTo(run, 'b')).toEqual(['applied'])
    },
  )
})

describe('a server that answers before the disk has it', () => {
  it('F23: crashes and forgets its last commits: a step and what follows from it are gone together, and run again', async () => {
    // Commits reach the disk after ten seconds, unless somebody asks for it.
    const settings = { synchronous_commit: 'off', wal_writer_delay: '10s', wal_writer_flush_after: '1GB' }
    await using database = await startDatabase({ own: true, settings })
    await using ground = await Ground.open(database.url)
    const ran: string[] = []
    let reached!: () => void
    let go: Promise<void> = Promise.resolve()
    const there = new Promise<void>((resolve) => (reached = resolve))
    const tx = (name: string) => (client: pg.PoolClient, n: number, ctx: { readonly run: { readonly id: string } }) => {
      ran.push(name)
      return ground.note(client, ctx.run.id, name).then(() => n + 1)
    }
    const flow = new Workflow<number>('forgotten')
      .tx('a', tx('a'))
      .andThen('kept', async (n) => {
        ran.push('kept')
        // What is committed up to here is on the disk: whoever waits for the disk takes all before along.
        await ground.rows(
          `begin; set local synchronous_commit = on; create table if not exists $schema.kept (); commit`,
        )
        return n
      })
      .tx('b', tx('b'))
      .tx('c', tx('c'))
      .andThen('d', async (n) => {
        ran.push('d')
        reached()
        await go
        return n
      })
      .tx('e', tx('e'))
    const run = await flow.pushStart(ground.store, 0)
    let crashed!: () => void
    go = new Promise<void>((resolve) => (crashed = resolve))
    await ground.work(flow)
    await there
    const notes = (): Promise<{ note: string }[]> => ground.rows('select note from $schema.notes order by note')
    expect(await notes()).toEqual([{ note: 'a' }, { note: 'b' }, { note: 'c' }])
    await database.restart('immediate')
    // An earlier state, and a whole one: what the steps wrote is gone with their ends and with what followed.
    expect(await notes()).toEqual([{ note: 'a' }])
    const statuses = new Map<string, string>()
    for await (const { node, status } of run.steps()) statuses.set(node, status)
    expect(statuses.get('a')).toBe('done')
    expect([...statuses.keys()].toSorted()).toEqual(['a', 'kept'])
    crashed()
    await ground.ends(run, {
      output: 4,
      steps: ['a done', 'kept done', 'b done', 'c done', 'd done', 'e done'],
      notes: { a: 1, b: 1, c: 1, e: 1 },
    })
    expect(ran).toEqual(['a', 'kept', 'b', 'c', 'd', 'kept', 'b', 'c', 'd', 'e'])
  })
})
