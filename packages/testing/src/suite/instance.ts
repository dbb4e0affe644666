/** A worker instance as the cases use one: it claims, beats, and is registered until its case ends. */
import assert from 'node:assert/strict'
import type { Backend, BeatReply, ClaimedTask, ClaimReply, InstanceId, WorkerRegistration } from '@q/core'
import type { CaseContext } from './context.ts'
import { HOUR } from './sample.ts'

/** Most tasks that one claim may ask for. */
const MOST = 1_000

/** What a beat says when there is nothing to say. */
export const ALL_IS_WELL: Required<BeatReply> = { lease: 'held', lost: [], cancelled: [], paused: [], command: 'work' }

/** One registered instance. */
export class Instance {
  readonly id: InstanceId
  readonly backend: Backend<unknown>
  readonly #context: CaseContext
  readonly #about: Partial<WorkerRegistration>

  constructor(
    id: InstanceId,
    backend: Backend<unknown>,
    context: CaseContext,
    about: Partial<WorkerRegistration> = {},
  ) {
    this.id = id
    this.backend = backend
    this.#context = context
    this.#about = about
  }

  /** Registers, or registers again. */
  async register(leaseMs: number = HOUR): Promise<void> {
    await this.backend.register({
      instance: this.id,
      name: 'conformance',
      queues: [this.#context.queue],
      leaseMs,
      ...this.#about,
    })
  }

  /** One claim for several queues. */
  request(...queues: readonly { readonly queue: string; readonly limit: number }[]): Promise<ClaimReply> {
    return this.backend.claim({ instance: this.id, queues })
  }

  /** The tasks of one claim of one queue: the case's own unless another is named. */
  async claim(limit: number = MOST, queue: string = this.#context.queue): Promise<readonly ClaimedTask[]> {
    return (await this.request({ queue, limit })).tasks
  }

  /** Exactly so many tasks, however many claims it takes: for what has come back or will be due in a moment. */
  async take(count: number, queue: string = this.#context.queue): Promise<ClaimedTask[]> {
    const taken: ClaimedTask[] = []
    if (count === 0) return taken
    return this.#context.until(`${count} tasks to claim`, async () => {
      taken.push(...(await this.claim(Math.min(MOST, count - taken.length), queue)))
      return taken.length === count ? taken : undefined
    })
  }

  /** The next task. */
  async one(queue: string = this.#context.queue): Promise<ClaimedTask> {
    const [task] = await this.take(1, queue)
    assert.ok(task)
    return task
  }

  /** Fails if anything is due. */
  async findsNothing(queue: string = this.#context.queue): Promise<void> {
    const tasks = await this.claim(MOST, queue)
    assert.deepEqual(
      tasks.map(({ id, attempt }) => ({ id, attempt })),
      [],
      'a claim brought tasks where none are due',
    )
  }

  /** A sign of life that names tasks as running; what the reply leaves out is filled in. */
  async beat(running: readonly Pick<ClaimedTask, 'id' | 'token'>[] = []): Promise<Required<BeatReply>> {
    const reply = await this.backend.beat({
      instance: this.id,
      leaseMs: HOUR,
      running: running.map(({ id, token }) => ({ id, token })),
    })
    return { ...ALL_IS_WELL, ...reply }
  }
}
