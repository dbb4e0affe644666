/** What the tests of poll strategies share: a stream in the hand, and a worker whose looks are counted. */
import type { PollStrategy } from '../../src/poll/poll.ts'
import { PacedClock } from '../worker/paced-clock.ts'
import { gate, type Scene, scene } from '../worker/scene.ts'

/** A stream into which a test puts items. */
export class Items implements AsyncIterable<string> {
  readonly #waiting: string[] = []
  #next = gate()
  #end: { readonly error?: unknown } | undefined = undefined
  opened = 0
  ended = 0

  put(...items: string[]): void {
    this.#waiting.push(...items)
    this.#turn()
  }
  end(error?: unknown): void {
    this.#end = error === undefined ? {} : { error }
    this.#turn()
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    this.opened += 1
    try {
      for (;;) {
        const item = this.#waiting.shift()
        if (item !== undefined) yield item
        else if (this.#end !== undefined) {
          if ('error' in this.#end) throw this.#end.error
          return
        } else await this.#next.promise
      }
    } finally {
      this.ended += 1
    }
  }
  #turn(): void {
    const { open } = this.#next
    this.#next = gate()
    open()
  }
}

/** A worker that nothing nudges, and how often it looked. */
export async function looking(
  poll: PollStrategy,
): Promise<{ it: Scene; looks: () => number; stop: () => Promise<void> }> {
  let looks = 0
  const it = scene(
    (memory) => ({
      wake: undefined,
      claim: (request) => {
        looks += 1
        return memory.claim(request)
      },
    }),
    { poll },
  )
  const worker = it.builder.build(() => 1)
  await worker.start()
  await it.clock.pass(0)
  return { it, looks: () => looks, stop: () => worker.stop() }
}

/** One tick, and whether it is over. */
export function tick(
  poll: PollStrategy,
  worker: object = {},
  idle = 1,
): { readonly clock: PacedClock; readonly end: AbortController; readonly ticked: () => boolean } {
  const clock = new PacedClock()
  const end = new AbortController()
  let ticked = false
  void poll.tick(idle, clock, end.signal, worker).then(() => (ticked = true))
  return { clock, end, ticked: () => ticked }
}
