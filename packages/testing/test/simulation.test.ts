import { type Backend, QError, sleep } from '@q/core'
import { MemoryBackend, MemoryStorage } from '@q/core/memory'
import { expect, test } from 'vitest'
import { type Faults, simulate, type SimulateOptions, Simulation } from '../src/index.ts'

const store: SimulateOptions<MemoryBackend>['store'] = (clock) => new MemoryBackend({ clock })
const SOUND: Faults = { unavailable: 0, lostReply: 0, latencyMs: 20 }

function simulation(seed: number, faults: Faults): Simulation<MemoryBackend> {
  return new Simulation(seed, store, faults)
}

/** Pushes one task; `heard` says what the caller was told so far. */
function push(backend: Backend): { readonly id: string; readonly heard: () => string; readonly over: Promise<void> } {
  const task = new MemoryStorage<string>({ backend: new MemoryBackend(), queue: 'words' }).encode('hello')
  let heard = 'nothing'
  const over = backend.push([task]).then(
    () => void (heard = 'stored'),
    (error: unknown) => void (heard = (error as QError).code),
  )
  return { id: task.id, heard: () => heard, over }
}

/** What happens to two processes that push and wait, with the moment at which they hear of it. */
async function schedule(seed: number): Promise<readonly string[]> {
  const simulated = simulation(seed, { unavailable: 0.2, lostReply: 0.2, death: 0.05, freeze: 0.1, frozenMs: 500 })
  const said: string[] = []
  const start = simulated.clock.now()
  for (const name of ['a', 'b']) {
    const { backend, clock } = simulated.process(() => said.push(`${clock.now() - start} ${name} died`))
    void (async () => {
      for (let n = 0; n < 20; n++) {
        const { heard, over } = push(backend)
        await over
        said.push(`${clock.now() - start} ${name} ${heard()}`)
        await sleep(clock, simulated.pick(50))
      }
    })()
  }
  await simulated.clock.advance('1m')
  return said
}

test('the same seed gives the same schedule, another one gives another', async () => {
  const first = await schedule(7)
  expect(first.join()).toMatch(/ERR_BACKEND_UNAVAILABLE/)
  expect(await schedule(7)).toEqual(first)
  expect(await schedule(8)).not.toEqual(first)
})

test('requests and replies travel for a while', async () => {
  const simulated = simulation(1, { ...SOUND, latencyMs: 1_000 })
  const { clock } = simulated
  const start = clock.now()
  const { id, heard, over } = push(simulated.process().backend)
  expect(await simulated.store.fetchById(id)).toBeNull()
  await simulated.until(over)
  expect(heard()).toBe('stored')
  expect(clock.now() - start).toBeGreaterThan(10)
  expect(clock.now() - start).toBeLessThan(2_000)
})

test('a call that does not reach the store has no effect', async () => {
  const simulated = simulation(1, { ...SOUND, unavailable: 1 })
  const { id, heard, over } = push(simulated.process().backend)
  await simulated.until(over)
  expect(heard()).toBe('ERR_BACKEND_UNAVAILABLE')
  expect(await simulated.store.fetchById(id)).toBeNull()
})

test('a call whose reply is lost takes effect, and its caller hears that the store was away', async () => {
  const simulated = simulation(1, { ...SOUND, lostReply: 1 })
  const { id, heard, over } = push(simulated.process().backend)
  await simulated.until(over)
  expect(heard()).toBe('ERR_BACKEND_UNAVAILABLE')
  expect(await simulated.store.fetchById(id)).toMatchObject({ status: 'pending' })
})

test('a process that is killed does nothing more: no call, no timer, no reply', async () => {
  let deaths = 0
  const simulated = simulation(1, SOUND)
  const process = simulated.process(() => (deaths += 1))
  let rang = false
  process.clock.after(10, () => (rang = true))
  const before = push(process.backend)
  process.kill()
  process.kill()
  const after = push(process.backend)
  await simulated.clock.advance('1h')
  expect([deaths, process.alive, simulated.processes, rang]).toEqual([1, false, [], false])
  expect([before.heard(), after.heard()]).toEqual(['nothing', 'nothing'])
  // What it had sent is on its way.
  expect(await simulated.store.fetchById(before.id)).not.toBeNull()
  expect(await simulated.store.fetchById(after.id)).toBeNull()
})

test('a call can kill its process and still take effect', async () => {
  let deaths = 0
  const simulated = simulation(1, { ...SOUND, death: 1 })
  const { id, heard } = push(simulated.process(() => (deaths += 1)).backend)
  await simulated.clock.advance('1m')
  expect([deaths, heard()]).toEqual([1, 'nothing'])
  expect(await simulated.store.fetchById(id)).not.toBeNull()
})

test('a process that stands still goes on later, with its timers and replies', async () => {
  const simulated = simulation(1, SOUND)
  const process = simulated.process()
  const { backend, clock } = process
  const start = clock.now()
  const rang: number[] = []
  clock.after(10, () => rang.push(clock.now() - start))
  const { id, heard } = push(backend)
  process.freeze(60_000)
  await simulated.clock.advance(59_999)
  expect([rang, heard()]).toEqual([[], 'nothing'])
  expect(await simulated.store.fetchById(id)).not.toBeNull()
  await simulated.clock.advance(1)
  expect([rang, heard()]).toEqual([[60_000], 'stored'])
})

test('a call can make its process stand still', async () => {
  const simulated = simulation(1, { ...SOUND, freeze: 1, frozenMs: 60_000 })
  const { clock } = simulated
  const start = clock.now()
  const { heard, over } = push(simulated.process().backend)
  await simulated.until(over)
  expect(heard()).toBe('stored')
  expect(clock.now() - start).toBeGreaterThan(100)
  expect(clock.now() - start).toBeLessThanOrEqual(60_000)
})

test('nothing goes wrong any more once it is told to be calm', async () => {
  const simulated = simulation(1, { ...SOUND, unavailable: 1 })
  const { backend } = simulated.process()
  simulated.calm()
  const { heard, over } = push(backend)
  await simulated.until(over)
  expect(heard()).toBe('stored')
})

test('waiting for what never comes ends, whether or not anything still happens', async () => {
  const never = new Promise(() => undefined)
  const simulated = simulation(1, SOUND)
  await expect(simulated.until(never)).rejects.toMatchObject({ code: 'ERR_WAIT_TIMEOUT' })
  const again = (): void => void simulated.clock.after(1_000, again)
  again()
  const start = simulated.clock.now()
  await expect(simulated.until(never, 60_000)).rejects.toMatchObject({ code: 'ERR_WAIT_TIMEOUT' })
  expect(simulated.clock.now() - start).toBe(60_000)
  await expect(simulated.until(Promise.reject(new Error('no')))).rejects.toThrow('no')
})

test('a seed that fails is named, with what it failed with, and none is tried after it', async () => {
  const tried: number[] = []
  const cause = new Error('two tasks')
  const failing = simulate({ seeds: 10, from: 5, store }, async ({ seed }) => {
    tried.push(seed)
    if (seed === 7) throw cause
  })
  await expect(failing).rejects.toMatchObject({
    message: 'Seed 7 fails: two tasks\nAgain, only that one: seeds: [7]',
    cause,
  })
  expect(tried).toEqual([5, 6, 7])
  const again: number[] = []
  await simulate({ seeds: [7, 3], store }, async ({ seed }) => void again.push(seed))
  expect(again).toEqual([7, 3])
})
