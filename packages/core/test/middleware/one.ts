/** Runs tasks through middlewares, with time in the hand. */
import type { AnyMiddleware, Middleware } from '../../src/middleware/middleware.ts'
import type { TaskId } from '../../src/task/task.ts'
import type { TaskContext } from '../../src/worker/context.ts'
import type { Worker } from '../../src/worker/worker.ts'
import { scene, type Scene } from '../worker/scene.ts'

export interface Ran {
  readonly it: Scene
  readonly worker: Worker
  readonly ids: TaskId[]
  /** `done/1 failed/1 …`, in the order of pushing. */
  readonly statuses: () => Promise<string>
}

/** Pushes `count` tasks with the args 0, 1, … and starts a worker on them. */
export async function run(
  layers: readonly AnyMiddleware[],
  handler: (n: number, ctx: TaskContext<object, number>) => unknown,
  options: { readonly count?: number; readonly concurrency?: number; readonly it?: Scene } = {},
): Promise<Ran> {
  const it = options.it ?? scene()
  const ids = await it.push(options.count ?? 1)
  let builder = it.builder.concurrency(options.concurrency ?? 10)
  for (const layer of layers) builder = builder.use(layer as Middleware)
  const worker = builder.build(handler)
  await worker.start()
  await it.clock.pass(10)
  return {
    it,
    worker,
    ids,
    statuses: async () => (await Promise.all(ids.map((id) => it.status(id)))).join(' '),
  }
}

/** Ends a worker whatever its handlers do. */
export async function end({ it, worker }: Ran): Promise<void> {
  const stopped = worker.stop({ timeout: 0 }).catch(() => undefined)
  await it.clock.pass(5_000)
  await stopped
}
