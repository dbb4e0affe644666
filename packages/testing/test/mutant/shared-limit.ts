/** Defects of limits that all processes share. */
import type { LimitAnswer, LimitRequest } from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { Mutant } from './mutant.ts'
import { mutant } from './mutant.ts'

/** Changes what is asked for. */
function asking(change: (request: LimitRequest) => LimitRequest): typeof MemoryBackend {
  return class extends MemoryBackend {
    override acquire(requests: readonly LimitRequest[]): Promise<readonly LimitAnswer[]> {
      return super.acquire(requests.map(change))
    }
  }
}

export const sharedLimitMutants: readonly Mutant[] = [
  mutant(
    'one more than the limit is let in',
    asking((request) => (request.kind === 'concurrency' ? { ...request, limit: request.limit + 1 } : request)),
    'acquire › concurrency: as many are granted as the limit says, then none',
    'acquire › concurrency: of eight callers at once exactly one has the last place',
  ),

  mutant(
    'a place is looked for and taken in two steps',
    class extends MemoryBackend {
      override async acquire(requests: readonly LimitRequest[]): Promise<readonly LimitAnswer[]> {
        const places = new Map<string, number>()
        for (const request of requests) {
          if (request.kind !== 'concurrency') continue
          const [answer] = await super.acquire([request])
          places.set(request.key, answer!.granted ? request.limit : request.limit + 1)
        }
        await Promise.resolve()
        return super.acquire(
          requests.map((request) => ({ ...request, limit: places.get(request.key) ?? request.limit })),
        )
      }
    },
    'acquire › concurrency: of eight callers at once exactly one has the last place',
  ),

  mutant(
    'a place is never given back',
    class extends MemoryBackend {
      readonly #taken = new Map<string, Set<string>>()
      override async acquire(requests: readonly LimitRequest[]): Promise<readonly LimitAnswer[]> {
        return requests.map((request) => {
          if (request.kind !== 'concurrency') return { granted: true, retryAfterMs: 0 }
          const taken = this.#taken.get(request.key) ?? new Set()
          this.#taken.set(request.key, taken)
          const granted = taken.has(request.token) || taken.size < request.limit
          if (granted) taken.add(request.token)
          return { granted, retryAfterMs: granted ? 0 : 1_000 }
        })
      }
    },
    'acquire › concurrency: a place is free once its task is settled as done',
    'acquire › concurrency: a place is free once its worker is swept',
    'acquire › rate: a bucket grants what it holds, then none',
  ),

  mutant(
    'all limits are one',
    asking((request) => ({ ...request, key: request.kind })),
    'acquire › concurrency: keys are limits of their own, to the letter',
    'acquire › rate: keys are buckets of their own',
  ),

  mutant(
    'a bucket overflows',
    class extends MemoryBackend {
      override async acquire(requests: readonly LimitRequest[]): Promise<readonly LimitAnswer[]> {
        return super.acquire(
          requests.map((request) => (request.kind === 'rate' ? { ...request, limit: request.limit * 2 } : request)),
        )
      }
    },
    'acquire › rate: a bucket grants what it holds, then none',
    'acquire › rate: a bucket holds no more than its limit, however long nobody asks',
    'acquire › rate: eight callers at once get as many tokens as there are',
  ),

  mutant(
    'a refusal does not say when to ask again',
    class extends MemoryBackend {
      override async acquire(requests: readonly LimitRequest[]): Promise<readonly LimitAnswer[]> {
        return (await super.acquire(requests)).map(({ granted }) => ({ granted, retryAfterMs: 0 }))
      }
    },
    'acquire › concurrency: what is granted need not be asked for again, what is refused should be later',
    'acquire › rate: after the time it names a token is there',
  ),
]
