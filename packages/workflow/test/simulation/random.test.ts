/**
 * Random workflows under random faults: every run ends as its model says, every step ends once and by what leads to it, and
 * at no moment does a run stand still. `Q_SIMULATIONS=10000` tries more of them.
 */
import { fixed, retry, WorkerBuilder } from '@q/core'
import { MemoryBackend, MemoryStorage } from '@q/core/memory'
import { simulate, type Simulation } from '@q/testing'
import { describe, expect, it } from 'vitest'
import { openHost } from '../../src/engine/host.ts'
import { list } from '../../src/engine/work/step.ts'
import { frameOfSteps, isOpen, replay } from '../../src/run/replay.ts'
import { storedSteps } from '../../src/run/steps.ts'
import { type Modelled, randomChain, randomDag } from './random.ts'

const SEEDS = Number(process.env['Q_SIMULATIONS'] ?? 100)
const FAULTS = { unavailable: 0.03, lostReply: 0.03, death: 0.01, freeze: 0.005 }

describe('a random workflow under faults', () => {
  it.each([
    ['chain', randomChain],
    ['dag', randomDag],
  ])(
    '%s: ends as its model says, and nothing happens twice',
    async (_, make) => {
      const store = (clock: ConstructorParameters<typeof MemoryBackend>[0] & object): MemoryBackend =>
        new MemoryBackend(clock)
      await simulate(
        { seeds: SEEDS, store: (clock) => store({ clock, keepFinished: 100_000 }), faults: FAULTS },
        async (simulation) => {
          const modelled = make((n) => simulation.pick(n))
          await work(simulation, modelled)
        },
      )
    },
    600_000,
  )
})

async function work(simulation: Simulation<MemoryBackend>, { flow, input, ends }: Modelled): Promise<void> {
  const storage = new MemoryStorage({ backend: simulation.store, queue: 'flows' })
  const run = await flow.pushStart(storage, input)
  let over = false
  const start = (): void => {
    if (over) return
    const { backend, clock } = simulation.process(start)
    const worker = new WorkerBuilder('w')
      .backend(new MemoryStorage({ backend, queue: 'flows' }))
      .clock(clock)
      .use(retry({ retries: 50, backoff: fixed(50) }))
      .onEvent(() => undefined)
      .build(flow)
    void worker.run().catch(() => undefined)
  }
  start()
  start()
  const stuck = watch(simulation)
  await simulation.until(run.finished)
  over = true
  expect(stuck()).toEqual([])
  const info = await run.info()
  expect(info.status).toBe(ends.status)
  if (ends.status === 'done') expect(await run.result()).toEqual(ends.output)
  await checkSteps(simulation, flow, run.id, info.status)
}

/** I2 and I3: what exists is what the steps that ended lead to, no more and, in a run that was done, no less. */
async function checkSteps(
  simulation: Simulation<MemoryBackend>,
  flow: Modelled['flow'],
  id: string,
  status: string,
): Promise<void> {
  const { store } = simulation
  const host = openHost(new MemoryStorage({ backend: store, queue: 'flows' }))
  const steps = await list(storedSteps(store, id))
  const { tasks, joins } = replay(host, flow.graph, frameOfSteps(id, 'flows', steps), steps)
  const opened = [...joins.values()].filter(isOpen).map(({ task }) => task.id)
  const led = new Set([...tasks.keys(), ...opened])
  const entries = new Set(flow.graph.entries)
  for (const step of steps) {
    const { node, index } = step.step!
    if (!node.startsWith('$') && !(entries.has(node) && index === 0))
      expect(led.has(step.id), `${node} #${index} was led to`).toBe(true)
    // A node under anyOf may end a run while another that leads to it is held.
    if (status === 'done')
      expect(['pending', 'failed'], `${node} #${index} waits for nothing`).not.toContain(step.status)
  }
  const exists = new Set(steps.map((step) => step.id))
  if (status === 'done' && flow.graph.output.kind !== 'chain')
    for (const each of led) expect(exists.has(each)).toBe(true)
}

/** Looks at random moments for runs that stand still. */
function watch(simulation: Simulation<MemoryBackend>): () => unknown[] {
  const found: unknown[] = []
  let cancel = (): void => undefined
  const next = (): void => {
    cancel = simulation.clock.after(20 + simulation.pick(500), () => void look())
  }
  const look = async (): Promise<void> => {
    for (const { id, workflow, status } of await simulation.store.stuckRuns(10))
      found.push({
        workflow,
        status,
        steps: (await list(storedSteps(simulation.store, id))).map(
          ({ step, status: s }) => `${step!.node}#${step!.index} ${s}`,
        ),
      })
    next()
  }
  next()
  return () => {
    cancel()
    return found.slice(0, 3)
  }
}
