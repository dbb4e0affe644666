/**
 * Lets the event loop turn.
 *
 * Handlers that never wait for anything outside would otherwise run one after the other for ever, and
 * timers (heartbeats among them) and sockets would starve.
 */
const { setImmediate } = globalThis as { readonly setImmediate?: (run: () => void) => unknown }

/** Calls `run` after timers and sockets had their chance. */
export function nextTurn(run: () => void): void {
  if (setImmediate === undefined) setTimeout(run, 0)
  else setImmediate(run)
}
