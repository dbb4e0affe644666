/** A queue in memory, a clock in the hand, a worker in between, and everything it says. */
import type { Backend } from '../../src/backend/backend.ts'
import { MemoryBackend } from '../../src/memory/index.ts'
import { pollEvery } from '../../src/poll/poll.ts'
import type { StorageOptions } from '../../src/storage/options.ts'
import { Storage } from '../../src/storage/storage.ts'
import type { TaskId } from '../../src/task/task.ts'
import { WorkerBuilder } from '../../src/worker/builder.ts'
import type { WorkerEvent } from '../../src/worker/event.ts'
import { PacedClock, settled } from './paced-clock.ts'

type Overrides = {
  readonly [Name in keyof MemoryBackend]?:
    (Name extends keyof Backend ? Backend[Name] : MemoryBackend[Name]) | undefined
}

/** A backend with some methods replaced. `wake: undefined` takes the nudges away, and so with every capability. */
export function withOverrides(backend: MemoryBackend, overrides: Overrides): Backend {
  return new Proxy(backend, {
    get(target, name) {
      if (Object.hasOwn(overrides, name)) return Reflect.get(overrides, name)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

export interface Scene {
  readonly clock: PacedClock
  readonly memory: MemoryBackend
  readonly storage: Storage<number>
  readonly events: WorkerEvent[]
  readonly builder: WorkerBuilder<number, true>
  /** Events of one type. */
  of<Type extends WorkerEvent['type']>(type: Type): Extract<WorkerEvent, { type: Type }>[]
  readonly push: (count: number) => Promise<TaskId[]>
  readonly status: (id: TaskId) => Promise<string>
}

export function scene(
  overrides: (memory: MemoryBackend) => Overrides = () => ({}),
  options: StorageOptions<number> = {},
): Scene {
  const clock = new PacedClock()
  const memory = new MemoryBackend({ clock })
  const storage = new Storage<number>(withOverrides(memory, overrides(memory)), {
    queue: 'numbers',
    poll: pollEvery('1s'),
    ...options,
  })
  const events: WorkerEvent[] = []
  return {
    clock,
    memory,
    storage,
    events,
    builder: new WorkerBuilder('w')
      .backend(storage)
      .clock(clock)
      .onEvent((_worker, event) => events.push(event)),
    of: (type) => events.filter((event): event is never => event.type === type),
    async push(count) {
      const receipts = await storage.pushBulk(Array.from({ length: count }, (_, index) => index))
      return receipts.map(({ id }) => id)
    },
    async status(id) {
      const stored = await memory.fetchById(id)
      return stored === null ? 'unknown' : `${stored.status}/${stored.attempt}`
    },
  }
}

/** A promise and its ends. */
export function gate<T = void>(): {
  readonly promise: Promise<T>
  readonly open: (value: T) => void
  readonly fail: (error: unknown) => void
} {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  return { promise, open: resolve, fail: reject }
}

export { settled }
