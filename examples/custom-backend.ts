/** A backend is an object with nine methods. This one keeps another's tasks and counts what they come to. */
import { AbortError, type Backend, Storage, WorkerBuilder } from '@q/core'
import { MemoryBackend } from '@q/core/memory'

class CountingBackend implements Backend {
  readonly name = 'counting'
  readonly counts = new Map<string, number>()
  readonly #inner = new MemoryBackend()

  push: Backend['push'] = (tasks) => this.#inner.push(tasks)
  claim: Backend['claim'] = (request) => this.#inner.claim(request)
  register: Backend['register'] = (worker) => this.#inner.register(worker)
  beat: Backend['beat'] = (request) => this.#inner.beat(request)
  deregister: Backend['deregister'] = (instance) => this.#inner.deregister(instance)
  sweep: Backend['sweep'] = () => this.#inner.sweep()
  wait: Backend['wait'] = (ids, options) => this.#inner.wait(ids, options)
  close: Backend['close'] = () => this.#inner.close()

  settle: Backend['settle'] = async (settlements) => {
    const answers = await this.#inner.settle(settlements)
    for (const [index, { kind }] of settlements.entries()) {
      if (answers[index] === 'applied') this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    }
    return answers
  }
}

const backend = new CountingBackend()
const numbers = new Storage<number>(backend, { queue: 'numbers' })
const receipts = await numbers.pushBulk([1, 2, 3, 4])

const worker = new WorkerBuilder('worker').backend(numbers).build((n) => {
  if (n === 3) throw new AbortError('three is not allowed')
})
const waits = receipts.map(({ id }) => numbers.waitFor(id).catch(() => undefined))
await worker.runUntil(Promise.all(waits))
await numbers.close()

console.log(backend.counts)

// Prints:
//   Map(2) { 'done' => 3, 'killed' => 1 }
