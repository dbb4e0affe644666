import { WorkerBuilder } from '@q/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testSchema, type TestSchema } from './support/schema.ts'

describe('enqueue', () => {
  let on: TestSchema
  beforeAll(async () => {
    on = await testSchema()
  })
  afterAll(() => on.end())

  const enqueue = async (call: string, values: unknown[] = []): Promise<string> =>
    (await on.rows<{ id: string }>(`select $schema.enqueue(${call}) as id`, values))[0]!.id

  test('a task written in SQL is run by a worker in TypeScript, args and all', async () => {
    const storage = on.storage<{ to: string; n: number }>({}, 'notify')
    const seen: unknown[] = []
    const worker = new WorkerBuilder('w').backend(storage).build((args, ctx) => {
      seen.push([args, ctx.task.priority, ctx.task.metadata, ctx.task.maxAttempts])
      return 'sent'
    })
    await worker.start()
    const id = await enqueue(
      `$1, '{"to": "ada@example.com", "n": 1.5}', priority => 7, max_attempts => 3, metadata => '{"tenant": "a"}'`,
      [storage.queue],
    )
    expect(await storage.waitFor(id, { timeout: '5s' })).toBe('sent')
    await worker.stop()
    expect(seen).toEqual([[{ to: 'ada@example.com', n: 1.5 }, 7, { tenant: 'a' }, 3]])
  })

  test('ids are UUIDs of version 7, in the order of time', async () => {
    const first = await enqueue(`'ids', '1'`)
    await on.rows('select pg_sleep(0.002)')
    const second = await enqueue(`'ids', '2'`)
    for (const id of [first, second])
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(first < second).toBe(true)
    expect(Math.abs(Number.parseInt(first.replaceAll('-', '').slice(0, 12), 16) - Date.now())).toBeLessThan(60_000)
  })

  test('a key answers with the task that has it, the same for pushes from TypeScript', async () => {
    const storage = on.storage<number>()
    const first = await enqueue(`$1, '42', key => 'k'`, [storage.queue])
    expect(await enqueue(`$1, '42', key => 'k'`, [storage.queue])).toBe(first)
    expect(await storage.push(42, { key: 'k' })).toEqual({ id: first, outcome: 'duplicate' })
    await expect(enqueue(`$1, '43', key => 'k'`, [storage.queue])).rejects.toMatchObject({ code: 'Q0001' })
  })

  test('a delay and a moment are kept, a roll back stores nothing', async () => {
    const storage = on.storage<number>()
    const later = await enqueue(`$1, '1', run_after => '1 hour'`, [storage.queue])
    const at = await enqueue(`$1, '1', run_at => '2100-01-01T00:00:00Z'`, [storage.queue])
    const stored = await storage.fetchById(later)
    expect(Math.round((stored!.runAt - stored!.createdAt) / 1_000)).toBe(3_600)
    expect((await storage.fetchById(at))!.runAt).toBe(Date.UTC(2100, 0, 1))
    const client = await on.pool.connect()
    await client.query('begin')
    await client.query(`select "${on.schema}".enqueue($1, '2')`, [storage.queue])
    await client.query('rollback')
    client.release()
    expect((await storage.count()).value).toBe(2)
  })

  test.each([
    [`'with space', '1'`, 'queue'],
    [`'q', null`, 'args'],
    [`'q', '1', run_after => '-1 s'`, 'run_after'],
    [`'q', '1', run_after => '1 s', run_at => now()`, 'either'],
    [`'q', '1', run_at => 'infinity'`, 'run_at'],
    [`'q', '1', priority => 101`, 'priority'],
    [`'q', '1', key => ''`, 'key'],
    [`'q', '1', max_attempts => 0`, 'max_attempts'],
    [`'q', '1', metadata => '[]'`, 'metadata'],
    [`'q', '1', metadata => '{"a": 1}'`, 'metadata'],
  ])('enqueue(%s) is refused and says why', async (call, word) => {
    await expect(enqueue(call)).rejects.toMatchObject({
      code: '22023',
      message: expect.stringContaining(word) as string,
    })
  })
})
