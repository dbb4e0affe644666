/**
 * What a step may return instead of a value, to say where its token goes.
 *
 * Plain objects with a mark that is the same in every copy of this package.
 */
import { type Duration, toMs } from '@q/core'

const MARK: unique symbol = Symbol.for('q.workflow.goto')

interface Marked {
  readonly [MARK]: true
}

/** On to what follows, with this value: the same as returning it. */
export interface GotoNext<Value> extends Marked {
  readonly kind: 'next'
  readonly value: Value
}

/**
 * On to what follows, after a while. It takes the place of a delay between the two. Not before a node of a DAG that waits for
 * others as well, where the step fails for good; at an end of the graph there is nothing to delay.
 */
export interface GotoDelay<Value> extends Marked {
  readonly kind: 'delay'
  readonly value: Value
  readonly ms: number
}

/** The run ends here as `done`, and this is its output. What else of it is under way changes nothing more. */
export interface GotoEnd<Value> extends Marked {
  readonly kind: 'end'
  readonly value: Value
}

/** The step fails for good, without another attempt. */
export interface GotoFail extends Marked {
  readonly kind: 'fail'
  readonly error: unknown
}

/** Any of them. */
export type Goto = GotoNext<unknown> | GotoDelay<unknown> | GotoEnd<unknown> | GotoFail

/**
 * Where a step goes from here.
 *
 * ```ts
 * .andThen('charge', async (order) => (order.total === 0 ? goto.end('free') : charge(order)))
 * ```
 */
export const goto: {
  /** On to what follows: the same as returning the value. */
  next<Value>(value: Value): GotoNext<Value>
  /**
   * On to what follows, after a while.
   * @throws QError `ERR_DURATION`
   */
  delay<Value>(value: Value, after: Duration): GotoDelay<Value>
  /** Ends the run as `done` with this output. */
  end<Value>(value: Value): GotoEnd<Value>
  /** Fails the step for good. */
  fail(error: unknown): GotoFail
} = {
  next: (value) => ({ [MARK]: true, kind: 'next', value }),
  delay: (value, after) => ({ [MARK]: true, kind: 'delay', value, ms: toMs(after, 'goto.delay: after') }),
  end: (value) => ({ [MARK]: true, kind: 'end', value }),
  fail: (error) => ({ [MARK]: true, kind: 'fail', error }),
}

/** Whether a step returned one of them, from any copy of this package. */
export function isGoto(returned: unknown): returned is Goto {
  return typeof returned === 'object' && returned !== null && MARK in returned
}
