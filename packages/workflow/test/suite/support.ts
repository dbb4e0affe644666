/** What the tests of the engine need of a backend: a queue of its own for each, and a worker that runs until a run has ended. */
import {
  type Backend,
  type Collections,
  fixed,
  type Mailbox,
  retry,
  type Runs,
  type Storage,
  WorkerBuilder,
} from '@q/core'
import type { Definition } from '../../src/build/definition.ts'
import { list } from '../../src/engine/work/step.ts'
import type { Run } from '../../src/run/handle.ts'
import type { StartOptions } from '../../src/run/start.ts'
import type { StepInfo } from '../../src/run/steps.ts'

/** A storage of any backend that can do all of it. */
export type TestStore = Storage<unknown> & { readonly backend: Backend & Runs & Mailbox & Collections }

/** Options of {@link Bench.finish}. */
export interface FinishOptions<Output> {
  readonly store?: TestStore
  readonly start?: StartOptions
  readonly retries?: number
  readonly during?: (run: Run<Output>) => Promise<unknown>
}

/** How the tests run on a backend. */
export interface Bench {
  /** A queue of its own. */
  readonly makeStore: () => TestStore
  /** Starts a run and works until it has ended. */
  readonly finish: <Start, Output>(
    flow: Definition<Start, Output>,
    input: Start,
    options?: FinishOptions<Output>,
  ) => Promise<{ readonly run: Run<Output>; readonly steps: StepInfo[]; readonly store: TestStore }>
}

/** A bench over whatever makes stores. */
export function benchOf(makeStore: () => TestStore): Bench {
  return {
    makeStore,
    async finish(flow, input, { store = makeStore(), start, retries = 0, during } = {}) {
      const run = await flow.pushStart(store, input, start)
      const worker = new WorkerBuilder('w')
        .backend(store)
        .use(retry({ retries, backoff: fixed(1) }))
        .build(flow)
      const work = worker.runUntil(run.finished)
      await during?.(run)
      await work
      return { run, store, steps: await list(run.steps()) }
    },
  }
}

/** Works on a run until it has ended, and gives it as it is then. */
export async function workOn<Output>(
  flow: Definition<never, Output>,
  store: TestStore,
  id: string,
): Promise<Run<Output>> {
  const run = flow.open(store, id)
  await new WorkerBuilder('again')
    .backend(store)
    .use(retry({ retries: 0 }))
    .build(flow)
    .runUntil(run.finished)
  return run
}

/** Resolves once a step of the run waits without holding anything. */
export async function pastWait(run: Pick<Run, 'why'>, node: string): Promise<void> {
  while (!(await run.why()).some((each) => each.node === node && each.reason === 'parked'))
    await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Names and statuses of steps, sorted. */
export function told(steps: readonly StepInfo[]): string[] {
  return steps.map(({ node, index, status }) => `${node}${index === 0 ? '' : `#${index}`} ${status}`).sort()
}
