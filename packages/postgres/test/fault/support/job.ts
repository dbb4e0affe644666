/** What a task of the fault suite asks its worker to do. Travels as the task's args, so the test decides and the worker obeys. */
import type { TaskContext } from '@q/core'
import { AbortError, sleep, systemClock } from '@q/core'
import type { Pool } from 'pg'
import { throwHostile } from './hostile.ts'

/** One task's orders. Every `ms` is milliseconds. */
export type Job =
  /** Works that long. */
  | { readonly do: 'work'; readonly ms: number }
  /** The first attempt works until its signal aborts (or `ms` have passed); later ones end at once. */
  | { readonly do: 'linger'; readonly ms: number }
  /** Ends its process. */
  | { readonly do: 'die'; readonly by: 'sigkill' | 'exit' | 'uncaught' }
  /** The first attempt keeps the event loop that long; later ones end at once. */
  | { readonly do: 'block'; readonly ms: number }
  /** Takes a connection of the user's pool and sits in a transaction on it. */
  | { readonly do: 'hold'; readonly ms: number }
  /** Throws, or returns, number `n` of the hostile corpus. */
  | { readonly do: 'hostile'; readonly n: number }

/** Does a job. Resolves when there is an effect to be written down. */
export async function doJob(job: Job, ctx: TaskContext, pool: Pool): Promise<unknown> {
  switch (job.do) {
    case 'work':
      await sleep(systemClock, job.ms)
      return
    case 'linger':
      if (ctx.attempt > 1) return undefined
      await sleep(systemClock, job.ms, ctx.signal)
      ctx.signal.throwIfAborted()
      return
    case 'die':
      return die(job.by)
    case 'block':
      return ctx.attempt > 1 ? undefined : block(job.ms)
    case 'hold':
      return hold(pool, job.ms)
    case 'hostile':
      return throwHostile(job.n)
  }
  throw new AbortError(`no such job: ${JSON.stringify(job)}`)
}

async function die(by: 'sigkill' | 'exit' | 'uncaught'): Promise<void> {
  if (by === 'sigkill') process.kill(process.pid, 'SIGKILL')
  else if (by === 'exit') process.exit(7)
  else
    setImmediate(() => {
      throw new Error('a pill')
    })
  await new Promise(() => undefined)
}

function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

async function hold(pool: Pool, ms: number): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await sleep(systemClock, ms)
    await client.query('commit')
  } finally {
    client.release()
  }
}
