/** The handler of examples/parallel.ts: it computes, and never waits. */
import type { ThreadHandler } from '@q/parallel'

/** How many primes there are below a number. */
export const countPrimes: ThreadHandler<number, number> = (below, ctx) => {
  let count = 0
  for (let n = 2; n < below; n++) {
    if (n % 10_000 === 0) ctx.throwIfAborted()
    if (isPrime(n)) count += 1
  }
  return count
}

/** A mistake, and no ctx.throwIfAborted() in sight. */
export const loopForever: ThreadHandler<number> = () => {
  for (;;);
}

function isPrime(n: number): boolean {
  for (let factor = 2; factor * factor <= n; factor++) if (n % factor === 0) return false
  return true
}
