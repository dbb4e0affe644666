/**
 * Work that a handler starts on the side: bounded in time, told to stop with the attempt, waited for when the worker
 * stops, and told to stop by its deadline.
 */
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { checkKnownOptions } from '../options.ts'
import type { TaskContext } from '../worker/context.ts'

/** Options of {@link children}. */
export interface ChildrenOptions {
  /** The longest one child may take. Default `'15m'`. */
  readonly maxDuration?: Duration
}

/** The side work of one attempt. */
export interface Children {
  /** Children under way. */
  readonly size: number
  /**
   * Starts a child. Its signal aborts when it takes too long, when the attempt's own does, and when the worker stops and its
   * deadline has passed.
   * @returns What it returns; rejects with what it throws, or with `ERR_TIMEOUT` when it took too long. It need not be
   *   waited for.
   */
  run<Result>(work: (signal: AbortSignal) => Result | Promise<Result>): Promise<Result>
  /**
   * Resolves when all children have ended, those started meanwhile included.
   * @throws what a child threw, or an `AggregateError` of several.
   */
  wait(): Promise<void>
}

/**
 * A runner for side work of this attempt. A worker that stops waits for children, until its deadline, also when the handler has
 * returned already. To end a task only when its children have ended, wait for them: `await side.wait()`.
 *
 * ```ts
 * const side = children(ctx, { maxDuration: '1m' })
 * for (const part of parts) void side.run((signal) => upload(part, { signal }))
 * await side.wait()
 * ```
 * @throws QError `ERR_OPTION`, `ERR_DURATION`
 */
export function children(ctx: TaskContext, options: ChildrenOptions = {}): Children {
  checkKnownOptions('children', options, ['maxDuration'])
  const maxMs = toMs(options.maxDuration ?? '15m', 'children: maxDuration', { min: 1 })
  const living = new Set<Promise<unknown>>()
  let errors: unknown[] = []
  return {
    get size() {
      return living.size
    },
    run(work) {
      if (typeof work !== 'function')
        throw new QError('ERR_OPTION', 'children: run() takes a function (signal) => …, not a promise.')
      const { child, abort } = runChild(ctx, maxMs, work)
      const ended = child.then(
        () => undefined,
        (error: unknown) => void errors.push(error),
      )
      living.add(ended)
      void ended.then(() => living.delete(ended))
      void ctx.worker.track(ended, abort)
      return child
    },
    async wait() {
      while (living.size > 0) await Promise.all(living)
      const thrown = errors
      errors = []
      if (thrown.length === 1) throw thrown[0]
      if (thrown.length > 1) throw new AggregateError(thrown, `${thrown.length} children of task ${ctx.taskId} failed.`)
    },
  }
}

function runChild<Result>(
  ctx: TaskContext,
  maxMs: number,
  work: (signal: AbortSignal) => Result | Promise<Result>,
): { readonly child: Promise<Result>; readonly abort: (reason: unknown) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<Result>()
  const end = new AbortController()
  const parent = ctx.signal
  let attemptEnded = false
  const cancel = ctx.clock.after(maxMs, () => {
    const error = new QError(
      'ERR_TIMEOUT',
      `A child of task ${ctx.taskId} did not end within ${maxMs} ms. Raise maxDuration, or pass its signal on so that it can stop.`,
    )
    over()
    end.abort(error)
    reject(error)
  })
  // Nobody waits for one that was told to stop and whose attempt is over: its timer would only keep the process.
  const unwatch = (): void => {
    if (attemptEnded && end.signal.aborted) cancel()
  }
  const abort = (reason: unknown): void => {
    end.abort(reason)
    unwatch()
  }
  const aborted = (): void => abort(parent.reason)
  const forget = ctx.onEnd(() => {
    attemptEnded = true
    unwatch()
  })
  const over = (): void => {
    cancel()
    forget()
    parent.removeEventListener('abort', aborted)
  }
  if (parent.aborted) aborted()
  else parent.addEventListener('abort', aborted, { once: true })
  // In a promise of its own, so that what throws at once is caught too.
  void Promise.resolve()
    .then(() => work(end.signal))
    .finally(over)
    .then(resolve, reject)
  return { child: promise, abort }
}
