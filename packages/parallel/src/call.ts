/**
 * One attempt on a thread, seen from the process's main thread.
 *
 * Whatever happens to the thread ends in one outcome: what the handler returned or threw, the reason of the signal when it
 * was ended for that, or an error that says how the thread died.
 */
import { AbortError, QError, type TaskContext, type TaskInfo, toErrorRecord } from '@q/core'
import type { Piscina } from 'piscina'
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { uncloneable } from './cloneable.ts'
import { forward } from './forward.ts'
import type { Ending, Job, News, Stop } from './message.ts'
import { fromWire, toWire } from './wire-error.ts'

/** What is the same for all attempts of a handler. */
export interface CallPlan {
  readonly module: string
  readonly name: string
  /** How long a handler may go on after its signal aborted, in milliseconds. */
  readonly graceMs: number
  /** For the error that says what happened. */
  readonly memoryLimitMb: number | undefined
}

/** Runs one attempt once. */
export class Call {
  readonly #plan: CallPlan
  readonly #ctx: TaskContext
  readonly #kill = new AbortController()
  #started = false
  #ending: Ending | undefined
  #failure: { readonly error: Error } | undefined

  constructor(plan: CallPlan, ctx: TaskContext) {
    this.#plan = plan
    this.#ctx = ctx
  }

  /** Whether a thread has begun with it. */
  get started(): boolean {
    return this.#started
  }

  /** Ends it, and its thread, with this error. */
  fail(error: Error): void {
    this.#failure ??= { error }
    this.#kill.abort()
  }

  /** @returns What the handler returned; rejects with what it threw or with what became of it. */
  async run(pool: Piscina, args: unknown): Promise<unknown> {
    const { port1: port, port2 } = new MessageChannel()
    const { signal } = this.#ctx
    let grace: ReturnType<typeof setTimeout> | undefined
    const stop = (): void => {
      if (this.#plan.graceMs === 0) return this.#kill.abort()
      // A thread that has not begun finds this before it calls the handler.
      tell(port, { kind: 'stop', reason: toWire(signal.reason) })
      grace = setTimeout(() => this.#kill.abort(), this.#plan.graceMs)
    }
    port.on('message', (news: News) => this.#hear(news))
    signal.addEventListener('abort', stop, { once: true })
    // It may have aborted since the call waited for its thread.
    if (signal.aborted) stop()
    try {
      const { module, name } = this.#plan
      const job: Job = { module, name, args, task: info(this.#ctx.task), port: port2 }
      await pool.run(job, { transferList: [port2], signal: this.#kill.signal })
      this.#readRest(port)
    } catch (error) {
      this.#readRest(port)
      if (this.#ending === undefined) throw this.#diagnose(error, args)
    } finally {
      clearTimeout(grace)
      signal.removeEventListener('abort', stop)
      port.close()
      port2.close()
    }
    return this.#conclude()
  }

  #hear(news: News): void {
    switch (news.kind) {
      case 'started':
        this.#started = true
        break
      case 'log':
      case 'report':
        forward(this.#ctx, news)
        break
      case 'done':
      case 'failed':
      case 'uncloneable':
        this.#ending ??= news
    }
  }

  /** What was sent before the end may still be on its way. */
  #readRest(port: MessagePort): void {
    for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port))
      this.#hear(got.message as News)
  }

  #conclude(): unknown {
    const ending = this.#ending
    if (ending === undefined) throw new QError('ERR_CRASHED', `${this.#title()} ended without an outcome.`)
    if (ending.kind === 'done') return ending.value
    if (ending.kind === 'failed') throw ending.stopped ? this.#ctx.signal.reason : fromWire(ending.error)
    // The handler has had its effects: running it again would repeat them and not help.
    throw new AbortError(encodeError(ending, 'Return plain data from the handler.'))
  }

  /** What to say when the pool has no outcome. */
  #diagnose(error: unknown, args: unknown): unknown {
    if (this.#failure !== undefined) return this.#failure.error
    if (this.#kill.signal.aborted) return this.#ctx.signal.reason
    if (error instanceof DOMException && error.name === 'DataCloneError')
      return new AbortError(
        encodeError(uncloneable(args, 'args'), 'Give the queue a codec that decodes to plain data.'),
      )
    return new QError('ERR_CRASHED', `${this.#title()} ${this.#death(error)}`, { cause: error })
  }

  #title(): string {
    return `The thread that ran task ${this.#ctx.taskId}, attempt ${this.#ctx.attempt},`
  }

  #death(error: unknown): string {
    const { name, message, code } = toErrorRecord(error)
    if (code === 'ERR_WORKER_OUT_OF_MEMORY') {
      const { memoryLimitMb } = this.#plan
      return memoryLimitMb === undefined
        ? 'ran out of memory. Set memoryLimitMb, or let the handler hold less at a time.'
        : `ran out of memory: its limit is ${memoryLimitMb} MiB. Raise memoryLimitMb, or let the handler hold less at a time.`
    }
    const exit = /^worker exited with code: (-?\d+)$/.exec(message)?.[1]
    if (exit !== undefined)
      return `ended with exit code ${exit} before the task did: something in it called process.exit().`
    return `died of an error that nothing caught: ${name}: ${message}`
  }
}

function encodeError({ path, what }: { readonly path: string; readonly what: string }, advice: string): QError {
  return new QError('ERR_ENCODE', `parallelize: ${path} is ${what}, which cannot be passed between threads. ${advice}`)
}

function tell(port: MessagePort, message: Stop): void {
  port.postMessage(message)
}

/** Without the stored bytes. */
function info({ id, queue, attempt, maxAttempts, priority, runAt, metadata, crashes }: TaskInfo): TaskInfo {
  return { id, queue, attempt, maxAttempts, priority, runAt, metadata, crashes }
}
