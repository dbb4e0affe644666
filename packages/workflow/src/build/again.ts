/** What the step of a loop returns to go round once more. */
import { type Duration, toMs } from '@q/core'

const MARK: unique symbol = Symbol.for('q.workflow.again')

/** Another iteration, with this state. */
export interface Again<State> {
  readonly [MARK]: true
  readonly state: State
  /** Milliseconds until then; `null`: as the loop says. */
  readonly afterMs: number | null
}

/** Options of {@link again}. */
export interface AgainOptions {
  /** How long until the next iteration. Default: `every` of the loop. */
  readonly after?: Duration
}

/**
 * Once more, with this state.
 *
 * ```ts
 * .repeatUntil('poll', async (job) => ((await isReady(job)) ? job.url : again(job, { after: '5s' })), { max: 100 })
 * ```
 * @throws QError `ERR_DURATION`
 */
export function again<State>(state: State, options: AgainOptions = {}): Again<State> {
  return { [MARK]: true, state, afterMs: options.after === undefined ? null : toMs(options.after, 'again: after') }
}

/** Whether a step returned one, from any copy of this package. */
export function isAgain(returned: unknown): returned is Again<unknown> {
  return typeof returned === 'object' && returned !== null && MARK in returned
}
