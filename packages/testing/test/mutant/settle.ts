/** Defects of settling. */
import type { ClaimReply, ClaimRequest, SettleAnswer, Settlement, TaskId } from '@q/core'
import { uuidv7 } from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { Mutant } from './mutant.ts'
import { claiming, settling, answering, mutant } from './mutant.ts'

export const settleMutants: readonly Mutant[] = [
  mutant(
    'a stale settlement is accepted',
    class extends MemoryBackend {
      readonly #current = new Map<TaskId, string>()
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        const reply = await super.claim(request)
        for (const { id, token } of reply.tasks) this.#current.set(id, token)
        return reply
      }
      override settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
        return super.settle(
          settlements.map((settlement) => ({
            ...settlement,
            token: this.#current.get(settlement.id) ?? settlement.token,
          })),
        )
      }
    },
    'fencing › done: under a token lost to recovery it is stale and changes nothing',
    'fencing › progress: under a token lost to recovery it is stale and changes nothing',
    'fencing › the token of another task is stale',
    'checkpoints › a worker that lost the task cannot overwrite the checkpoint of the next',
  ),

  mutant(
    'a stale settlement is reported as applied',
    answering((answers) => answers.map((answer) => (answer === 'stale' ? 'applied' : answer))),
    'fencing › done: under a token lost to recovery it is stale and changes nothing',
  ),

  mutant(
    'already is reported as applied',
    answering((answers) => answers.map((answer) => (answer === 'already' ? 'applied' : answer))),
    'fencing › done: repeating it answers already and changes nothing',
    'fencing › one settlement sent by eight callers at once is applied once',
  ),

  mutant(
    'already is reported as stale',
    answering((answers) => answers.map((answer) => (answer === 'already' ? 'stale' : answer))),
    'fencing › failed: repeating it answers already and changes nothing',
  ),

  mutant(
    'one stale settlement spoils its batch',
    class extends MemoryBackend {
      override async settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
        const known = new Set<TaskId>()
        for (const { id, token } of settlements) {
          const { lost } = await super.beat({ instance: uuidv7(), leaseMs: 1_000, running: [{ id, token }] })
          if (lost.length === 0) known.add(id)
        }
        if (known.size > 0 && settlements.some(({ id }) => !known.has(id))) return settlements.map(() => 'stale')
        return super.settle(settlements)
      }
    },
    'fencing › a stale settlement does not hurt its neighbours in the batch',
  ),

  mutant(
    'answers come in the order of the ids',
    class extends MemoryBackend {
      override settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
        return super.settle([...settlements].sort((a, b) => (a.id < b.id ? -1 : 1)))
      }
    },
    'settle › answers come in the order given, whatever the order of the ids',
  ),

  mutant(
    'the attempt is not given back on release',
    settling((settlement) =>
      settlement.kind === 'released'
        ? { ...settlement, kind: 'failed', error: { name: 'E', message: 'm' }, retryAfterMs: 0 }
        : settlement,
    ),
    'attempts › releasing gives the attempt back',
  ),

  mutant(
    'a release sends a task to the end of its queue',
    settling((settlement) =>
      settlement.kind === 'released' ? { ...settlement, kind: 'deferred', afterMs: 0 } : settlement,
    ),
    'settle › a released task keeps its place in the queue',
  ),

  mutant(
    'the pause before a retry is forgotten',
    settling((settlement) => (settlement.kind === 'failed' ? { ...settlement, retryAfterMs: 0 } : settlement)),
    'retries and time › a failed task comes back after retryAfterMs',
    'retries and time › a failed task does not come before its time',
  ),

  mutant(
    'the result is lost',
    settling((settlement) => (settlement.kind === 'done' ? { ...settlement, result: null } : settlement)),
    'settle › done ends a task with its result',
  ),

  mutant(
    'an empty result is null',
    settling((settlement) =>
      settlement.kind === 'done' && settlement.result?.bytes.byteLength === 0
        ? { ...settlement, result: null }
        : settlement,
    ),
    'settle › a result without bytes is not null',
  ),

  mutant(
    'a checkpoint is lost with its attempt',
    claiming((task) => ({ ...task, checkpoint: null })),
    'checkpoints › a checkpoint outlives failed',
    'checkpoints › a checkpoint outlives its worker',
  ),

  mutant(
    'follow-on tasks are stored whatever becomes of the settlement',
    class extends MemoryBackend {
      override async settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
        for (const { follow = [] } of settlements) for (const task of follow) await super.push([{ ...task, key: null }])
        return super.settle(settlements)
      }
    },
    'follow-on tasks › done: what would follow a stale settlement is not stored',
    'follow-on tasks › a repeated settlement stores nothing more',
    'follow-on tasks › of eight callers with a follow-on task each, exactly one stores its own',
  ),

  mutant(
    'follow-on tasks are stored for done only',
    settling((settlement) => (settlement.kind === 'done' ? settlement : { ...settlement, follow: [] })),
    'follow-on tasks › failed: what follows is stored with it and can be claimed',
    'follow-on tasks › progress: what follows is stored with it and can be claimed',
  ),
]
