/** The capability `writePages`: pages belong to a task, are written by its holder alone, and are read by anybody. */
import assert from 'node:assert/strict'
import type { Encoded, TaskId } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { rejects, sameBytes } from '../check.ts'
import type { CaseContext } from '../context.ts'
import { done, EVERY_BYTE, failed, killed, text } from '../sample.ts'

export const pageCases: readonly ConformanceCase[] = section(
  'pages',
  [
    fact('pages are read as they were written, in order', async (c) => {
      const { task } = await c.claimed()
      await write(c, task, 0, 'a', 'b', 'c')
      assert.deepEqual(await read(c, task.id, 0, 10), ['a', 'b', 'c'])
    }),
    fact('pages keep every byte and their codec', async (c) => {
      const { task } = await c.claimed()
      const pages: Encoded[] = [
        { codec: 'every', bytes: EVERY_BYTE },
        { codec: 'none', bytes: new Uint8Array() },
      ]
      await c.with('writePages').writePages(task, 0, pages)
      const found = await c.with('writePages').readPages(task.id, 0, 10)
      assert.equal(found.length, 2)
      for (const [n, page] of pages.entries()) {
        assert.equal(found[n]!.codec, page.codec)
        sameBytes(found[n]!.bytes, page.bytes, `page ${n}`)
      }
    }),
    fact('writing goes on where it ended', async (c) => {
      const { task } = await c.claimed()
      await write(c, task, 0, 'a', 'b')
      await write(c, task, 2, 'c')
      await write(c, task, 3)
      await write(c, task, 3, 'd')
      assert.deepEqual(await read(c, task.id, 0, 10), ['a', 'b', 'c', 'd'])
    }),
    fact('a page that is written again takes the place of the one before', async (c) => {
      const { task } = await c.claimed()
      await write(c, task, 0, 'a', 'b', 'c')
      await write(c, task, 1, 'B')
      await write(c, task, 0, 'A')
      assert.deepEqual(await read(c, task.id, 0, 10), ['A', 'B', 'c'])
    }),
    fact('reading in pieces gives every page once', async (c) => {
      const { task } = await c.claimed()
      const pages = Array.from({ length: 250 }, (_, n) => `page ${n}`)
      await write(c, task, 0, ...pages)
      for (const limit of [1, 7, 100]) {
        const found: string[] = []
        for (let piece = await read(c, task.id, 0, limit); piece.length > 0;) {
          assert.ok(piece.length <= limit)
          found.push(...piece)
          piece = await read(c, task.id, found.length, limit)
        }
        assert.deepEqual(found, pages)
      }
    }),
    fact('a thousand pages are written in one call, and more are refused', async (c) => {
      const { task } = await c.claimed()
      const pages = Array.from({ length: 1_001 }, (_, n) => String(n))
      await rejects('ERR_OPTION', write(c, task, 0, ...pages))
      assert.deepEqual(await read(c, task.id, 0, 10), [])
      await write(c, task, 0, ...pages.slice(1))
      assert.deepEqual(await read(c, task.id, 998, 10), ['999', '1000'])
    }),
    fact('no task has pages but the one that they were written for', async (c) => {
      const { task } = await c.claimed()
      const { task: other } = await c.claimed()
      await write(c, task, 0, 'a')
      await write(c, other, 0, 'b')
      assert.deepEqual(await read(c, task.id, 0, 10), ['a'])
      assert.deepEqual(await read(c, uuidv7(), 0, 10), [])
    }),
    fact('under a token that is not current it is ERR_LEASE_LOST, and nothing is written', async (c) => {
      const { task, holder } = await c.claimed()
      await write(c, task, 0, 'a')
      await c.applied(failed(task))
      await rejects('ERR_LEASE_LOST', write(c, task, 0, 'late'))
      const again = await holder.one()
      await rejects('ERR_LEASE_LOST', write(c, task, 0, 'late'))
      await rejects('ERR_LEASE_LOST', write(c, { id: uuidv7(), token: again.token }, 0, 'late'))
      await write(c, again, 1, 'b')
      await c.applied(done(again))
      await rejects('ERR_LEASE_LOST', write(c, again, 1, 'late'))
      assert.deepEqual(await read(c, task.id, 0, 10), ['a', 'b'])
    }),
    fact('under a token lost to recovery it is ERR_LEASE_LOST', async (c) => {
      const { task, holder } = await c.claimed()
      await c.expire(holder)
      await c.sweepAll()
      await rejects('ERR_LEASE_LOST', write(c, task, 0, 'late'))
      assert.deepEqual(await read(c, task.id, 0, 10), [])
    }),
    fact('pages outlive the attempt that wrote them, and the task’s end', async (c) => {
      const { task, holder } = await c.claimed()
      await write(c, task, 0, 'a')
      await c.applied(failed(task))
      assert.deepEqual(await read(c, task.id, 0, 10), ['a'])
      await c.applied(killed(await holder.one()))
      assert.deepEqual(await read(c, task.id, 0, 10), ['a'])
    }),
    fact(
      'pages go with a task that is removed',
      async (c) => {
        const { task } = await c.claimed()
        await write(c, task, 0, 'a')
        await c.applied(done(task))
        await c.with('remove').remove([task.id])
        assert.deepEqual(await read(c, task.id, 0, 10), [])
      },
      'remove',
    ),
    fact(
      'pages go with a task that is forgotten',
      async (c) => {
        const { task } = await c.claimed()
        await write(c, task, 0, 'a')
        await c.applied(done(task))
        await c.pass(20)
        await c.with('vacuum').vacuum(c.queue, { doneMs: 0 }, 10)
        assert.deepEqual(await read(c, task.id, 0, 10), [])
      },
      'vacuum',
    ),
    fact('a limit out of range is refused', async (c) => {
      const { task } = await c.claimed()
      for (const limit of [0, 101, 1.5]) await rejects('ERR_OPTION', read(c, task.id, 0, limit))
    }),
    fact(
      'another process reads the pages',
      async (c) => {
        const { task } = await c.claimed()
        await write(c, task, 0, 'a')
        const found = await c.with('writePages', await c.second()).readPages(task.id, 0, 10)
        assert.deepEqual(found.map(wordOf), ['a'])
      },
      'second',
    ),
  ],
  'writePages',
)

function write(
  c: CaseContext,
  { id, token }: { readonly id: TaskId; readonly token: string },
  first: number,
  ...pages: readonly string[]
): Promise<void> {
  return c.with('writePages').writePages({ id, token }, first, pages.map(text))
}

async function read(c: CaseContext, id: TaskId, first: number, limit: number): Promise<string[]> {
  return (await c.with('writePages').readPages(id, first, limit)).map(wordOf)
}

function wordOf({ bytes }: Encoded): string {
  return new TextDecoder().decode(bytes)
}
