import { describe, expect, test } from 'vitest'
import type { Page, PageRequest } from '../../src/backend/visibility.ts'
import { uuidv7 } from '../../src/id.ts'
import { rejection } from '../failure.ts'
import { boom, newTask, Setup } from './setup.ts'

/** Every item of a list, read in pages of `limit`. */
async function all<T>(limit: number, list: (page: PageRequest) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = []
  let page = await list({ limit })
  for (;;) {
    items.push(...page.items)
    if (page.next === null) return items
    expect(page.items).toHaveLength(limit)
    page = await list({ limit, cursor: page.next })
  }
}

describe('tasks', () => {
  test.each([1, 7, 50, 200])('come once each and in order, in pages of %i', async (limit) => {
    const setup = new Setup()
    const now = setup.clock.now()
    const instance = await setup.instance()
    const tasks = Array.from({ length: 300 }, (_, n) => newTask({ due: { at: now - 150 + ((n * 37) % 20) * 10.5 } }))
    await setup.backend.push(tasks)
    const { tasks: held } = await setup.claim(instance, 120)
    for (const [n, task] of held.slice(0, 100).entries()) {
      await setup.settle(task, { kind: 'done', result: null })
      if (n % 9 === 0) setup.clock.advance(1)
    }
    const listed = await all(limit, (page) => setup.backend.listTasks({}, page))
    expect(new Set(listed.map(({ id }) => id)).size).toBe(300)
    const open = listed.filter(({ finishedAt }) => finishedAt === null)
    expect(listed.slice(0, open.length)).toEqual(open)
    expect(open).toEqual(open.toSorted((a, b) => a.runAt - b.runAt || (a.id < b.id ? -1 : 1)))
    const ended = listed.slice(open.length)
    expect(ended).toHaveLength(100)
    expect(ended).toEqual(ended.toSorted((a, b) => b.finishedAt! - a.finishedAt! || (a.id > b.id ? -1 : 1)))
  })

  test('that come and go between pages neither hide others nor show them twice', async () => {
    const setup = new Setup()
    const ids: string[] = []
    for (let n = 0; n < 6; n++) ids.push(await setup.push({ due: { afterMs: 1_000 + n } }))
    const first = await setup.backend.listTasks({}, { limit: 3 })
    await setup.backend.remove([ids[0]!, ids[2]!])
    await setup.push({ due: { afterMs: 0 } })
    const rest = await setup.backend.listTasks({}, { limit: 3, cursor: first.next! })
    expect(rest.items.map(({ id }) => id)).toEqual(ids.slice(3))
    expect(rest.next).toBeNull()
  })

  test('that a reader holds are not the stored ones', async () => {
    const setup = new Setup()
    const id = await setup.push()
    const { items } = await setup.backend.listTasks({})
    items[0]!.payload.bytes[0] = 9
    expect((await setup.backend.fetchById(id))?.payload.bytes).toEqual(Uint8Array.of(0x31))
  })
})

describe('mistakes', () => {
  test.each([0, 201, 1.5, NaN])('a page of %s', async (limit) => {
    const { backend } = new Setup()
    await rejection('ERR_OPTION', backend.listTasks({}, { limit }))
    await rejection('ERR_OPTION', backend.listWorkers({}, { limit }))
    await rejection('ERR_OPTION', backend.listErrorGroups({}, { limit }))
  })

  test.each(['', 'x', '1~2', 'x~x~id', '0~1~a~b'])('the cursor %j', async (cursor) => {
    const { backend } = new Setup()
    const error = await rejection('ERR_OPTION', backend.listTasks({}, { cursor }))
    expect(error.message).toContain('listTasks: cursor must be the `next` of an earlier page')
    await rejection('ERR_OPTION', backend.listWorkers({}, { cursor }))
    await rejection('ERR_OPTION', backend.listErrorGroups({}, { cursor }))
  })
})

describe('workers', () => {
  test('that ended are shown for a day, the last thousand of them', async () => {
    const setup = new Setup()
    const states = async () => (await all(200, (page) => setup.backend.listWorkers({}, page))).map(({ state }) => state)
    const living = await setup.instance(3_600_000)
    for (let n = 0; n < 1_001; n++) {
      const instance = uuidv7()
      await setup.backend.register({ instance, name: 'w', queues: ['q'], leaseMs: 1_000 })
      await setup.backend.deregister(instance)
    }
    expect((await states()).filter((state) => state === 'ended')).toHaveLength(1_000)
    setup.clock.advance(86_400_000 - 1)
    expect(await states()).toHaveLength(1_001)
    setup.clock.advance(1)
    expect(await states()).toEqual(['lost'])
    await setup.backend.beat({ instance: living, leaseMs: 1_000, running: [] })
    expect(await states()).toEqual(['alive'])
  })
})

describe('error groups', () => {
  test('unseen for thirty days are forgotten', async () => {
    const setup = new Setup()
    const fail = async (message: string) => {
      await setup.push()
      const claimed = await setup.claimOne(await setup.instance())
      await setup.settle(claimed, { kind: 'killed', error: { ...boom, message } })
      setup.clock.advance(1)
    }
    await fail('one')
    await fail('two')
    setup.clock.advance(20 * 86_400_000)
    await fail('one')
    const groups = async () =>
      (await setup.backend.listErrorGroups()).items.map(({ message, count }) => [message, count])
    expect(await groups()).toEqual([
      ['one', 2],
      ['two', 1],
    ])
    setup.clock.advance(10 * 86_400_000)
    expect(await groups()).toEqual([['one', 2]])
  })

  test('are at most 10,000', async () => {
    const setup = new Setup({ keepFinished: 0 })
    const instance = await setup.instance()
    const words = (n: number): string =>
      String(n)
        .split('')
        .map((digit) => 'abcdefghij'[Number(digit)])
        .join('')
    for (let n = 0; n < 10_001; n++) {
      await setup.push()
      const claimed = await setup.claimOne(instance)
      await setup.settle(claimed, { kind: 'killed', error: { ...boom, message: words(n) } })
    }
    const groups = await all(200, (page) => setup.backend.listErrorGroups({}, page))
    expect(groups).toHaveLength(10_000)
    expect(groups.some(({ message }) => message === words(0))).toBe(false)
  })
})
