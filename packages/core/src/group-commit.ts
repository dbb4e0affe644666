/**
 * Group commit without timers: what arrives while a flush is under way goes together in the next.
 *
 * When idle an item is flushed at once, so one caller waits no longer than without it; many
 * concurrent callers share round trips and commits.
 */

/** Gathers items into batches and answers each by its place. */
export interface GroupCommit<In, Out> {
  /** Flushes with others; rejects when the flush that carried the item rejects. */
  add(item: In): Promise<Out>
  /** Items waiting or under way. */
  readonly size: number
}

/**
 * @param flush Handles one batch and answers in its order. Only `lanes` flushes run at a time.
 * @param options.max Most items in one flush or, with `weigh`, the most they may weigh together. One item that
 *   weighs more goes alone.
 * @param options.weigh What an item counts for, default 1.
 * @param options.lanes Flushes under way at once, default 1.
 */
export function groupCommit<In, Out>(
  flush: (items: readonly In[]) => Promise<readonly Out[]>,
  options: {
    readonly max: number
    readonly weigh?: (item: In) => number
    readonly lanes?: number
  },
): GroupCommit<In, Out> {
  const { max, weigh = () => 1, lanes = 1 } = options
  let waiting: Waiting<In, Out>[] = []
  let underWay = 0
  let inFlight = 0

  const next = (): void => {
    if (underWay >= lanes || waiting.length === 0) return
    let weight = weigh(waiting[0]!.item)
    let end = 1
    while (end < waiting.length && (weight += weigh(waiting[end]!.item)) <= max) end += 1
    const batch = waiting.slice(0, end)
    waiting = waiting.slice(end)
    underWay += 1
    inFlight += batch.length
    void run(batch)
    // What was cut off goes to the next free lane.
    next()
  }

  const run = async (batch: Waiting<In, Out>[]): Promise<void> => {
    try {
      const answers = await flush(batch.map((each) => each.item))
      for (const [index, each] of batch.entries()) each.resolve(answers[index] as Out)
    } catch (error) {
      for (const each of batch) each.reject(error)
    } finally {
      underWay -= 1
      inFlight -= batch.length
      next()
    }
  }

  return {
    add(item) {
      return new Promise((resolve, reject) => {
        waiting.push(new Waiting(item, resolve, reject))
        // A microtask later, so that calls made in one go share the first flush too.
        if (waiting.length === 1) queueMicrotask(next)
      })
    },
    get size() {
      return waiting.length + inFlight
    },
  }
}

/**
 * A class, not a literal. V8 counts which literals of one place outlive a collection; of those that wait by the thousand all
 * do at first, and then it may make all later ones in the old generation, where they stay with all they hold.
 */
class Waiting<In, Out> {
  readonly item: In
  readonly resolve: (out: Out) => void
  readonly reject: (error: unknown) => void

  constructor(item: In, resolve: (out: Out) => void, reject: (error: unknown) => void) {
    this.item = item
    this.resolve = resolve
    this.reject = reject
  }
}
