/** The capability `unique`, under callers that push, claim and settle at the same time. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { idsOf, sameIds } from '../check.ts'
import { done, only } from '../sample.ts'

export const uniqueRaceCases: readonly ConformanceCase[] = section(
  'unique at once',
  [
    fact('eight pushes of one key at once create one task, and all name it', async (c) => {
      const callers = await c.callers(8)
      const receipts = (await Promise.all(callers.map((backend) => backend.push([c.task({ unique: only() })])))).flat()
      assert.equal(receipts.filter(({ outcome }) => outcome === 'created').length, 1)
      assert.equal(new Set(idsOf(receipts)).size, 1)
      assert.deepEqual(idsOf(await (await c.instance()).claim()), [receipts[0]!.id])
    }),
    fact('eight pushes of one key at once take over a key that is free again', async (c) => {
      const { task, holder } = await c.claimed({ unique: only() })
      await c.applied(done(task))
      const callers = await c.callers(8)
      const receipts = (await Promise.all(callers.map((backend) => backend.push([c.task({ unique: only() })])))).flat()
      assert.equal(receipts.filter(({ outcome }) => outcome === 'created').length, 1)
      assert.deepEqual(idsOf(await holder.claim()), [receipts[0]!.id])
    }),
    fact('batches of the same keys in opposite order, pushed at once, create each once', async (c) => {
      const callers = await c.callers(8)
      const keys = Array.from({ length: 25 }, (_, n) => `key ${n}`)
      const receipts = await Promise.all(
        callers.map((backend, index) =>
          backend.push((index < 4 ? keys : keys.toReversed()).map((key) => c.task({ unique: only({ key }) }))),
        ),
      )
      assert.equal(receipts.flat().filter(({ outcome }) => outcome === 'created').length, keys.length)
      assert.equal((await (await c.instance()).claim()).length, keys.length)
    }),
    fact('pushes that meet the end of the holder create a task or name the holder', async (c) => {
      const keys = Array.from({ length: 20 }, (_, n) => `key ${n}`)
      await c.push(...keys.map((key) => ({ unique: only({ key }) })))
      const holder = await c.instance()
      const held = await holder.take(20)
      const [one, two] = await c.callers(2)
      const [, receipts] = await Promise.all([
        one!.settle(held.map((task) => done(task))),
        Promise.all(keys.map((key) => two!.push([c.task({ unique: only({ key }) })]))),
      ])
      const created = receipts.flat().filter(({ outcome }) => outcome === 'created')
      for (const { id, outcome } of receipts.flat())
        if (outcome !== 'created') assert.ok(idsOf(held).includes(id), 'a duplicate names the task that was held')
      sameIds(await holder.claim(), created)
    }),
    fact('pushes that meet the claim of the holder lose no task and double none', async (c) => {
      const keys = Array.from({ length: 20 }, (_, n) => `key ${n}`)
      const first = await c.push(...keys.map((key) => ({ unique: only({ key, while: 'waiting' }) })))
      const [one, two] = await c.callers(2)
      const holder = await c.instance(one)
      const [claimed, receipts] = await Promise.all([
        holder.claim(),
        two!.push(keys.map((key) => c.task({ unique: only({ key, while: 'waiting' }) }))),
      ])
      const created = receipts.filter(({ outcome }) => outcome === 'created')
      const rest = await holder.take(20 + created.length - claimed.length)
      sameIds([...claimed, ...rest], [...first, ...created])
    }),
  ],
  'unique',
)
