/** Handlers that compute, on threads: the worker's heartbeats go on, and a time limit ends even a loop that never ends. */
import { retry, WorkerBuilder } from '@q/core'
import { MemoryStorage } from '@q/core/memory'
import { parallelize } from '@q/parallel'

const primes = new MemoryStorage<number>({ queue: 'primes' })
const module = new URL('./parallel/primes.ts', import.meta.url)

const countPrimes = parallelize<number, number>(module, { name: 'countPrimes', threads: 2 })
const counter = new WorkerBuilder('counter').backend(primes).concurrency(countPrimes.threads).build(countPrimes)

const limits = [100, 10_000, 1_000_000]
const receipts = await primes.pushBulk(limits)
await counter.runUntil(Promise.all(receipts.map(({ id }) => primes.waitFor(id))))
for (const [index, { id }] of receipts.entries()) {
  console.log(`${await primes.waitFor<number>(id)} primes below ${limits[index]}`)
}

const loops = new MemoryStorage<number>({ queue: 'loops' })
const loopForever = parallelize<number>(module, { name: 'loopForever', threads: 1 })
const looper = new WorkerBuilder('looper')
  .backend(loops)
  .timeout('500ms')
  .use(retry({ retries: 0 }))
  .build(loopForever)
const { id } = await loops.push(0)
await looper.runUntil(loops.waitFor(id).catch(() => undefined))
const { status, error } = (await loops.backend.fetchById(id))!
console.log(`the loop was ${status}: ${error?.code}`)

await countPrimes.close()
await loopForever.close()

// Prints:
//   25 primes below 100
//   1229 primes below 10000
//   78498 primes below 1000000
//   the loop was killed: ERR_TIMEOUT
