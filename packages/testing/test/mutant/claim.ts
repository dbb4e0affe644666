/** Defects of claiming. */
import type { ClaimedTask, ClaimReply, ClaimRequest, SettleAnswer, Settlement, TaskId } from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { Mutant } from './mutant.ts'
import { pushing, mutant } from './mutant.ts'

export const claimMutants: readonly Mutant[] = [
  mutant(
    'a scheduled task is handed out early',
    pushing((task) => ('afterMs' in task.due ? { ...task, due: { afterMs: 0 } } : task)),
    'claim order › a scheduled task is not handed out before its time',
    'retries and time › a span is counted from the push by the store’s clock',
  ),

  mutant(
    'a task is handed out ten seconds early',
    pushing((task) =>
      'afterMs' in task.due ? { ...task, due: { afterMs: Math.max(0, task.due.afterMs - 10_000) } } : task,
    ),
    'claim order › a scheduled task is not handed out before its time',
  ),

  mutant(
    'priority does not matter',
    pushing((task) => ({ ...task, priority: 0 })),
    'claim order › a larger priority comes first',
  ),

  mutant(
    'a claim brings one more than its limit',
    class extends MemoryBackend {
      override claim(request: ClaimRequest): Promise<ClaimReply> {
        return super.claim({
          ...request,
          queues: request.queues.map(({ queue, limit }) => ({ queue, limit: Math.min(1_000, limit + 1) })),
        })
      }
    },
    'claim order › a claim brings exactly as many as it asks for while there are enough',
    'claim order › several queues are claimed in one call, each with its own limit',
  ),

  mutant(
    'the first queue that has work hides the others',
    class extends MemoryBackend {
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        for (const queue of request.queues) {
          const reply = await super.claim({ ...request, queues: [queue] })
          if (reply.tasks.length > 0) return reply
        }
        return super.claim(request)
      }
    },
    'claim order › a long and urgent queue does not keep another from being claimed',
  ),

  mutant(
    'two claimers share a task',
    class extends MemoryBackend {
      readonly #handedOut: ClaimedTask[] = []
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        const reply = await super.claim(request)
        this.#handedOut.push(...reply.tasks)
        if (reply.tasks.length > 0) return reply
        const shared = this.#handedOut.filter((task) => request.queues.some(({ queue }) => queue === task.queue))
        return { ...reply, tasks: shared.slice(-1) }
      }
    },
    'exclusive claims › a task that is held is not handed out again',
    'exclusive claims › eight claimers at once never share a task and leave none',
    'exclusive claims › at random, 300 tasks have one holder at a time and are done once (seed 1)',
  ),

  mutant(
    'nextDueMs is not known',
    class extends MemoryBackend {
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        return { ...(await super.claim(request)), nextDueMs: null }
      }
    },
    'claim order › nextDueMs is 0 when the limit leaves due tasks behind',
    'claim order › nextDueMs tells the span until the next scheduled task',
  ),

  mutant(
    'the attempt is counted when it fails, not when it is claimed',
    class extends MemoryBackend {
      readonly #failed = new Map<TaskId, number>()
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        const reply = await super.claim(request)
        return {
          ...reply,
          tasks: reply.tasks.map((task) => ({ ...task, attempt: (this.#failed.get(task.id) ?? 0) + 1 })),
        }
      }
      override settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
        for (const { id, kind } of settlements)
          if (kind === 'failed') this.#failed.set(id, (this.#failed.get(id) ?? 0) + 1)
        return super.settle(settlements)
      }
    },
    'attempts › the attempt is counted by the claim itself, also when nothing is ever settled',
  ),

  mutant(
    'a quarantined task comes with neighbours',
    class extends MemoryBackend {
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        const first = await super.claim(request)
        const more = await super.claim(request)
        return {
          tasks: [...first.tasks, ...more.tasks].slice(
            0,
            request.queues.reduce((sum, { limit }) => sum + limit, 0),
          ),
          nextDueMs: more.nextDueMs,
        }
      }
    },
    'quarantine › a task that crashed 2 times comes alone',
  ),

  mutant(
    'a token is the id of its task',
    class extends MemoryBackend {
      readonly #real = new Map<TaskId, string>()
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        const reply = await super.claim(request)
        for (const { id, token } of reply.tasks) this.#real.set(id, token)
        return { ...reply, tasks: reply.tasks.map((task) => ({ ...task, token: task.id })) }
      }
      override settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
        return super.settle(
          settlements.map((settlement) => ({
            ...settlement,
            token: this.#real.get(settlement.token) ?? settlement.token,
          })),
        )
      }
    },
    'fencing › a token never repeats: after release, retry, deferral, sweep and deregistration',
    'fencing › the token of an earlier claim never touches a later one',
  ),
]
