import { uuidv7 } from '@q/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { instanceOf, testSchema, type TestSchema } from './support/schema.ts'

let on: TestSchema
beforeAll(async () => {
  on = await testSchema()
})
afterAll(() => on.end())

test('five thousand waits share their looks, and keep no beat waiting', async () => {
  const storage = on.storage<number>()
  const instance = await instanceOf(storage as never)
  const ids = (await storage.pushBulk(Array.from({ length: 5_000 }, (_, n) => n))).map(({ id }) => id)
  const calls = async (): Promise<number> =>
    Number(
      (
        await on.rows<{ n: string }>(`select xact_commit as n from pg_stat_database where datname = current_database()`)
      )[0]!.n,
    )
  const stop = new AbortController()
  const waits = ids.map((id) => storage.waitFor(id, { signal: stop.signal }).catch((error: unknown) => error))
  const before = await calls()
  let slowest = 0
  for (let beats = 0; beats < 20; beats++) {
    const startedAt = performance.now()
    await storage.backend.beat({ instance, leaseMs: 60_000, running: [] })
    slowest = Math.max(slowest, performance.now() - startedAt)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  // One look of each for itself would be 5,000 statements and more in this second.
  expect((await calls()) - before).toBeLessThan(1_500)
  expect(slowest).toBeLessThan(1_000)
  stop.abort('enough')
  expect(new Set(await Promise.all(waits))).toEqual(new Set(['enough']))
})

test('a task that is removed ends the waiting for it', async () => {
  const storage = on.storage<number>()
  const { id } = await storage.push(1, { runAfter: '1h' })
  const waiting = storage.waitFor(id)
  waiting.catch(() => undefined)
  await storage.remove(id)
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_TASK_NOT_FOUND' })
})

test('a wait whose time is up at once still tells what had ended before', async () => {
  const storage = on.storage<number>()
  const { id } = await storage.push(1)
  await storage.cancel(id)
  await expect(storage.waitFor(id, { timeout: 1 })).rejects.toMatchObject({ code: 'ERR_TASK_FAILED' })
  await expect(storage.waitFor(uuidv7(), { timeout: 1 })).rejects.toMatchObject({ code: 'ERR_TASK_NOT_FOUND' })
})
