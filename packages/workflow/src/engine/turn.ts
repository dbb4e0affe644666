/**
 * Lets the event loop turn while elements run that wait for nothing outside.
 *
 * All maps and folds of a process share its thread, and so one span of time: whoever finds it used up waits for its turn, the
 * one that has waited longest first. Real time, not the worker's clock: this is about the processor.
 */
const TURN_MS = 5
const { setImmediate } = globalThis as { readonly setImmediate?: (run: () => void) => unknown }

const waiting: (() => void)[] = []
let turnedAt = -Infinity

/** Whether timers and sockets should have their chance before more is done. */
export function mustTurn(): boolean {
  return performance.now() - turnedAt > TURN_MS
}

/** Resolves after they had it. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve)
    if (waiting.length === 1) arm()
  })
}

function arm(): void {
  if (setImmediate === undefined) setTimeout(next, 0)
  else setImmediate(next)
}

function next(): void {
  turnedAt = performance.now()
  waiting.shift()?.()
  if (waiting.length > 0) arm()
}
