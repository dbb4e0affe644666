/** What a monitor says of the workers it keeps; their own events are heard by `onEvent`. */

/** One thing that happened to a worker under a monitor. */
export type MonitorEvent = {
  /** The worker's label; empty when its factory threw before there was one. */
  readonly name: string
  /** How often it was made again so far. */
  readonly restarts: number
} &
  /** It was made and begins to run. */
  (
    | { readonly type: 'worker-start' }
    /** It failed, or its factory threw; it is made again after `retryMs`, or `null`: never. */
    | { readonly type: 'worker-failed'; readonly error: unknown; readonly retryMs: number | null }
    /** It ended and is not made again: it was stopped, or removed, or `error` says why. */
    | { readonly type: 'worker-exit'; readonly error?: unknown }
  )

/** Hears what happens to the workers. What it throws or rejects with goes to `console.warn`. */
export type MonitorListener = (event: MonitorEvent) => unknown
