/** The handlers of the demo: what each queue's tasks do, and how they meet their fate. */
import { createHash } from 'node:crypto'
import {
  AbortError,
  DeferredError,
  exponential,
  Monitor,
  retry,
  type Storage,
  type TaskContext,
  sleep,
  WorkerBuilder,
  type WorkerListener,
} from '@q/core'
import type { PostgresTransaction } from '@q/postgres'
import type { Pool } from 'pg'
import type { Job, QueueName } from './input.ts'

type JobStorage = Storage<Job, PostgresTransaction>
type Work = (job: Job, ctx: TaskContext) => unknown

/** Which workers there are. Several names of one queue share its tasks. */
const WORKERS: readonly { readonly name: string; readonly queue: QueueName; readonly concurrency: number }[] = [
  { name: 'emails-1', queue: 'emails', concurrency: 50 },
  { name: 'emails-2', queue: 'emails', concurrency: 50 },
  { name: 'thumbnails', queue: 'thumbnails', concurrency: 4 },
  { name: 'invoices', queue: 'invoices', concurrency: 8 },
  { name: 'webhooks-1', queue: 'webhooks', concurrency: 30 },
  { name: 'webhooks-2', queue: 'webhooks', concurrency: 30 },
  { name: 'reports', queue: 'reports', concurrency: 20 },
]

/** All workers under one monitor. */
export function makeMonitor(
  pool: Pool,
  storages: Readonly<Record<QueueName, JobStorage>>,
  listener: WorkerListener,
): Monitor {
  const work = handlers(pool)
  const monitor = new Monitor().shutdownTimeout('10s').onEvent(listener)
  for (const { name, queue, concurrency } of WORKERS) {
    monitor.register(() =>
      new WorkerBuilder(name)
        .backend(storages[queue])
        .concurrency(concurrency)
        .use(retry({ backoff: exponential({ min: '200ms', max: '1s' }) }))
        .build(async (job, ctx) => {
          await work[queue](job, ctx)
          await meet(job, ctx)
        }),
    )
  }
  return monitor
}

function handlers(pool: Pool): Record<QueueName, Work> {
  return {
    // A mail server answers after a while.
    emails: (job, ctx) => sleep(ctx.clock, 5 + (job.n % 10), ctx.signal),
    // Work for the processor.
    thumbnails: (job) => createHash('sha256').update(job.text.repeat(2_000)).digest('hex'),
    // The charge happens once however often the task runs: the order is its own idempotency key.
    invoices: (job, ctx) =>
      pool.query('insert into q_demo_shop.charges (order_id, task) values ($1, $2) on conflict do nothing', [
        job.n,
        ctx.taskId,
      ]),
    webhooks: (job, ctx) => sleep(ctx.clock, 10 + (job.n % 20), ctx.signal),
    reports: (job, ctx) => sleep(ctx.clock, 40 + (job.n % 60), ctx.signal),
  }
}

/** What the world does to this task in this attempt. */
async function meet(job: Job, ctx: TaskContext): Promise<void> {
  switch (job.fate) {
    case 'fine':
      return
    case 'flaky':
      if (ctx.attempt === 1) throw unreachable(job)
      return
    case 'hopeless':
      throw unreachable(job)
    case 'refused':
      throw new AbortError(`${job.text}: no such address`)
    case 'early':
      if (ctx.checkpoint !== null) return
      await ctx.progress(Uint8Array.of(1))
      throw new DeferredError('500ms')
  }
}

function unreachable(job: Job): Error {
  return Object.assign(new Error(`${job.text}: connection timed out`), { code: 'ETIMEDOUT' })
}
