/** Defects of cancelling. */
import type { CancelAnswer, ClaimReply, ClaimRequest, SettleAnswer, Settlement, TaskId } from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { Mutant } from './mutant.ts'
import { beating, mutant } from './mutant.ts'

/** Knows the token under which each task is held. */
class Knowing extends MemoryBackend {
  protected readonly tokens: Map<TaskId, string> = new Map()
  override async claim(request: ClaimRequest): Promise<ClaimReply> {
    const reply = await super.claim(request)
    for (const { id, token } of reply.tasks) this.tokens.set(id, token)
    return reply
  }
}

export const cancelMutants: readonly Mutant[] = [
  mutant(
    'a held task that was asked to end is handed out again',
    class extends MemoryBackend {
      override async cancel(ids: readonly TaskId[], reason?: string): Promise<readonly CancelAnswer[]> {
        const answers: CancelAnswer[] = []
        for (const id of ids) {
          const status = (await this.fetchById(id))?.status
          if (status === 'queued' || status === 'running') answers.push('cancelling')
          else answers.push(...(await super.cancel([id], reason)))
        }
        return answers
      }
    },
    'cancel of held tasks › what its holder settles as failed ends as cancelled',
    'cancel of held tasks › what its holder settles as released ends as cancelled',
    'cancel of held tasks › a task whose holder dies ends as cancelled',
    'cancel of held tasks › a task whose holder leaves ends as cancelled',
    'cancel of held tasks › every beat of the holder names the task, and no other',
  ),

  mutant(
    'a held task is ended over the head of its holder',
    class extends Knowing {
      override async cancel(ids: readonly TaskId[], reason?: string): Promise<readonly CancelAnswer[]> {
        const answers = await super.cancel(ids, reason)
        for (const [n, id] of ids.entries())
          if (answers[n] === 'cancelling') await super.settle([{ id, token: this.tokens.get(id)!, kind: 'cancelled' }])
        return answers
      }
    },
    'cancel of held tasks › a task that is held goes on until its holder ends it',
    'cancel of held tasks › what its holder settles as done stands',
  ),

  mutant(
    'a beat keeps cancelled tasks to itself',
    beating((reply) => ({ ...reply, cancelled: [] })),
    'cancel of held tasks › every beat of the holder names the task, and no other',
    'cancel of held tasks › progress is accepted and keeps the claim',
  ),

  mutant(
    'a beat names cancelled tasks as lost',
    beating(({ cancelled = [], lost, ...reply }) => ({ ...reply, lost: [...lost, ...cancelled] })),
    'cancel of held tasks › every beat of the holder names the task, and no other',
  ),

  mutant(
    'what a cancelled task was settled as does not count',
    class extends MemoryBackend {
      override async settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
        const asked = await Promise.all(settlements.map(async ({ id }) => (await this.fetchById(id))?.cancelling))
        return super.settle(
          settlements.map((settlement, n) => {
            const { id, token, kind } = settlement
            return asked[n] === true && kind !== 'progress' ? { id, token, kind: 'cancelled' } : settlement
          }),
        )
      }
    },
    'cancel of held tasks › what its holder settles as done stands',
    'cancel of held tasks › the result and the error that its holder settles are kept',
    'cancel of held tasks › what follows such a settlement is stored',
  ),

  mutant(
    'the reason of a cancel is lost',
    class extends MemoryBackend {
      override cancel(ids: readonly TaskId[]): Promise<readonly CancelAnswer[]> {
        return super.cancel(ids)
      }
    },
    'cancel › a task that waits ends at once, with the reason as its error',
  ),

  mutant(
    'a cancel of what has ended says that it has cancelled it',
    class extends MemoryBackend {
      override async cancel(ids: readonly TaskId[], reason?: string): Promise<readonly CancelAnswer[]> {
        return (await super.cancel(ids, reason)).map((answer) => (answer === 'ended' ? 'cancelled' : answer))
      }
    },
    'cancel › a task that is done has ended and stays as it is',
    'cancel › of eight callers at once one ends the task',
  ),

  mutant(
    'a waiting task is only put off by a cancel',
    class extends MemoryBackend {
      override async cancel(ids: readonly TaskId[]): Promise<readonly CancelAnswer[]> {
        for (const id of ids) await this.update(id, { due: { afterMs: 3_600_000 } })
        return ids.map(() => 'cancelled')
      }
    },
    'cancel › a task that waits ends at once, with the reason as its error',
    'cancel › who waits for the task is told',
  ),
]
