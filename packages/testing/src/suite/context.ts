/**
 * What one case works with: the backend, a queue of its own, tasks, instances and time.
 *
 * Cases share a store, so each has its own queues and gives back its instances at the end.
 */
import assert from 'node:assert/strict'
import type {
  Backend,
  Capabilities,
  ClaimedTask,
  NewTask,
  Outcome,
  SettleAnswer,
  Settlement,
  StoredTask,
  SweepReport,
  TaskId,
  WorkerRegistration,
} from '@q/core'
import { required, uuidv7 } from '@q/core'
import { Instance } from './instance.ts'
import { newTask } from './sample.ts'
import type { BackendUnderTest, SetUp } from './under-test.ts'

/** The shortest lease that the contract allows, in milliseconds. */
const SHORTEST_LEASE_MS = 1_000
const PATIENCE_MS = 5_000
const PATIENCE_POLLS = 400
const POLL_MS = 10

/** The surroundings of one case. */
export class CaseContext {
  readonly under: BackendUnderTest
  readonly backend: Backend<unknown>
  /** A queue that no other case uses. */
  readonly queue: string
  /** A span, in milliseconds, that `pass` can let go by: a minute where time can be moved, else a moment. */
  readonly span: number
  readonly #setUp: SetUp
  readonly #instances: Instance[] = []
  readonly #cleanups: (() => Promise<void>)[] = []

  constructor(under: BackendUnderTest, setUp: SetUp) {
    this.under = under
    this.backend = under.backend
    this.#setUp = setUp
    this.queue = this.newQueue()
    this.span = under.advance === undefined ? 150 : 60_000
  }

  /** Another queue that no other case uses. */
  newQueue(prefix: string = 'case'): string {
    return `${prefix}-${uuidv7()}`
  }

  /** A task, not pushed, for the case's queue. */
  task(more: Partial<NewTask> = {}): NewTask {
    return newTask(more.queue ?? this.queue, more)
  }

  /** Pushes so many tasks in one call. */
  async pushed(count: number, more: Partial<NewTask> = {}): Promise<NewTask[]> {
    const tasks = Array.from({ length: count }, () => this.task(more))
    await this.backend.push(tasks)
    return tasks
  }

  /** Pushes tasks in one call and returns them. */
  async push(...tasks: readonly Partial<NewTask>[]): Promise<NewTask[]> {
    const made = tasks.map((more) => this.task(more))
    await this.backend.push(made)
    return made
  }

  /** The backend with a capability that the case needs. */
  with<C extends keyof Capabilities>(
    capability: C,
    backend: Backend<unknown> = this.backend,
  ): Backend<unknown> & Capabilities[C] {
    return required(backend, capability)
  }

  /** A registered instance with a lease that outlasts the case. */
  async instance(backend: Backend<unknown> = this.backend, about: Partial<WorkerRegistration> = {}): Promise<Instance> {
    const instance = new Instance(uuidv7(), backend, this, about)
    this.#instances.push(instance)
    await instance.register()
    return instance
  }

  /** Pushes one task, claims it with a new instance, and returns both. */
  async claimed(more: Partial<NewTask> = {}): Promise<{ task: ClaimedTask; holder: Instance }> {
    await this.pushed(1, more)
    const { queue = this.queue } = more
    const holder = await this.instance(this.backend, { queues: [queue] })
    return { task: await holder.one(queue), holder }
  }

  /** Settles one task. */
  async settle(settlement: Settlement): Promise<SettleAnswer | 'busy'> {
    const answers = await this.backend.settle([settlement])
    assert.equal(answers.length, 1, 'one settlement, one answer')
    return answers[0]!
  }

  /** Settles and insists that it is applied. */
  async applied(...settlements: readonly Settlement[]): Promise<void> {
    const answers = await this.backend.settle(settlements)
    assert.deepEqual(
      answers,
      settlements.map(() => 'applied'),
    )
  }

  /** The outcome of a task that has ended or is about to. */
  async outcome(id: TaskId, backend: Backend<unknown> = this.backend): Promise<Outcome> {
    for await (const outcome of backend.wait([id], { timeoutMs: PATIENCE_MS })) return outcome
    return assert.fail(`waiting for ${id} ended without an outcome`)
  }

  /** Fails if the task has ended. Looks through the contract alone. */
  async assertOpen(id: TaskId): Promise<void> {
    const abort = new AbortController()
    const open = Symbol('open')
    const first = this.backend.wait([id], { signal: abort.signal })[Symbol.asyncIterator]().next()
    setTimeout(() => abort.abort(open), POLL_MS)
    const result = await first.catch((error: unknown) => error)
    assert.equal(result, open, `task ${id} should not have ended`)
  }

  /** The task as a reader sees it. For cases that need `fetchById`. */
  async stored(id: TaskId): Promise<StoredTask> {
    const task = await required(this.backend, 'fetchById').fetchById(id)
    assert.ok(task, `task ${id} should be found`)
    return task
  }

  /** The store's now, in milliseconds since the epoch. */
  async now(): Promise<number> {
    const { task, holder } = await this.claimed({ queue: this.newQueue('clock') })
    await this.backend.deregister(holder.id)
    return task.runAt
  }

  /** Lets the store's time pass: moves its clock, or waits. */
  async pass(ms: number): Promise<void> {
    if (this.under.advance !== undefined) await this.under.advance(ms)
    else await new Promise((resolve) => setTimeout(resolve, ms))
  }

  /** Looks until there is something, letting a little time pass in between. */
  async until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
    const deadline = performance.now() + PATIENCE_MS
    for (let polls = 0; ; polls++) {
      const found = await look()
      if (found !== undefined) return found
      const tooLate = this.under.advance === undefined ? performance.now() > deadline : polls >= PATIENCE_POLLS
      if (tooLate) assert.fail(`waited in vain for ${what}`)
      await this.pass(POLL_MS)
    }
  }

  /** Ends leases without sweeping. */
  async expire(...instances: readonly Instance[]): Promise<void> {
    if (this.under.expireLease !== undefined) {
      for (const { id } of instances) await this.under.expireLease(id)
      return
    }
    for (const instance of instances) await instance.register(SHORTEST_LEASE_MS)
    await this.pass(SHORTEST_LEASE_MS + 1)
  }

  /** Sweeps until there is no more to do, and adds up the reports. */
  async sweepAll(backend: Backend<unknown> = this.backend): Promise<Omit<SweepReport, 'more'>> {
    const sum = { instances: 0, recovered: 0, killed: 0 }
    for (let sweeps = 0; sweeps < 1_000; sweeps++) {
      const { instances, recovered, killed, more } = await backend.sweep()
      sum.instances += instances
      sum.recovered += recovered
      sum.killed += killed
      if (!more) return sum
    }
    return assert.fail('a thousand sweeps and still more to do')
  }

  /** Lets a new instance claim the next task and die with it, so many times. */
  async crash(times: number = 1, queue: string = this.queue): Promise<void> {
    for (let crashes = 0; crashes < times; crashes++) {
      const doomed = await this.instance()
      await doomed.one(queue)
      await this.expire(doomed)
      await this.sweepAll()
    }
  }

  /** The store as another process sees it. For cases that need `second`. */
  async second(): Promise<Backend<unknown>> {
    const backend = await this.under.second?.()
    assert.ok(backend, 'a case that uses a second backend must say that it needs one')
    this.#cleanups.push(() => backend.close())
    return backend
  }

  /** Backends for several callers: of another process each where there are some, else all the same. */
  async callers(count: number): Promise<Backend<unknown>[]> {
    if (this.under.second === undefined) return Array.from({ length: count }, () => this.backend)
    const second = await this.second()
    return Array.from({ length: count }, (_, index) => (index % 2 === 0 ? this.backend : second))
  }

  /** A backend that the case may close. */
  async toClose(): Promise<Backend<unknown>> {
    if (this.under.second !== undefined) return this.second()
    const fresh = await this.#setUp()
    this.#cleanups.push(async () => {
      await fresh.backend.close()
      await fresh.close?.()
    })
    return fresh.backend
  }

  /** Runs in a transaction. For cases that need `transaction`. */
  async transaction(run: (tx: unknown) => Promise<void>, end: 'commit' | 'rollback'): Promise<void> {
    let ran = false
    const noting = async (tx: unknown): Promise<void> => {
      ran = true
      await run(tx)
    }
    await this.under.transaction?.(noting, end === 'commit')
    assert.ok(ran, 'the transaction hook must call what it is given')
  }

  /** Gives back everything the case held. */
  async end(): Promise<void> {
    await Promise.all(this.#instances.map(({ id }) => this.backend.deregister(id)))
    await Promise.all(this.#cleanups.map((cleanup) => cleanup()))
  }
}
