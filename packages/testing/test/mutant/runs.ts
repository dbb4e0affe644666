/** Defects of runs: of what settlements do to them, of their ends, and of what they are told. */
import type {
  Arrival,
  CancelRunAnswer,
  ClaimedTask,
  ClaimReply,
  ClaimRequest,
  Encoded,
  Message,
  NewTask,
  RetryRunAnswer,
  RunId,
  RunInfo,
  RunRetry,
  SettleAnswer,
  Settlement,
  SignalAnswer,
  TaskId,
} from '@q/core'
import { uuidv7 } from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { Mutant } from './mutant.ts'
import { claiming, mutant, settling } from './mutant.ts'

/** Does something more with settlements, whatever became of them. */
abstract class Settling extends MemoryBackend {
  override async settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
    const answers = await super.settle(settlements)
    for (const [n, settlement] of settlements.entries()) await this.settled(settlement, answers[n]!)
    return answers
  }

  protected abstract settled(settlement: Settlement, answer: SettleAnswer): Promise<void>
}

/** Knows the token under which each task is held. */
class Knowing extends MemoryBackend {
  protected readonly tokens: Map<TaskId, string> = new Map()
  override async claim(request: ClaimRequest): Promise<ClaimReply> {
    const reply = await super.claim(request)
    for (const { id, token } of reply.tasks) this.tokens.set(id, token)
    return reply
  }
}

export const runMutants: readonly Mutant[] = [
  mutant(
    'a join opens twice',
    class extends Settling {
      readonly #arrived = new Map<TaskId, number>()
      protected async settled({ run }: Settlement, answer: SettleAnswer): Promise<void> {
        if (answer !== 'applied') return
        for (const { task, arrived, opens } of run?.arrive ?? []) {
          const count = (this.#arrived.get(task.id) ?? 0) + arrived
          this.#arrived.set(task.id, count)
          if (count >= opens.arrived) await super.push([{ ...task, id: uuidv7() }])
        }
      }
    },
    'joins › a join opens with the last arrival and not before',
    'joins › all arrivals of a join in one call open it once',
    'joins › arrivals from eight callers at once open a join exactly once',
  ),

  mutant(
    'a join opens with the first arrival',
    settling((settlement) => withArrivals(settlement, (one) => ({ ...one, opens: { arrived: 1 } }))),
    'joins › a join opens with the last arrival and not before',
    'joins › a settlement that is repeated does not arrive twice',
  ),

  mutant(
    'of several arrivals in one call one is lost',
    class extends MemoryBackend {
      override settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
        const seen = new Set<TaskId>()
        return super.settle(
          settlements.map((settlement) => {
            const arrive = settlement.run?.arrive?.filter(({ task }) => !seen.has(task.id)) ?? []
            for (const { task } of arrive) seen.add(task.id)
            return settlement.run === undefined ? settlement : { ...settlement, run: { ...settlement.run, arrive } }
          }),
        )
      }
    },
    'joins › several arrivals of one join in one call are all counted',
    'joins › all arrivals of a join in one call open it once',
  ),

  mutant(
    'failures do not open a join that bears none',
    settling((settlement) =>
      withArrivals(settlement, (one) => ({ ...one, opens: { ...one.opens, failed: Number.MAX_SAFE_INTEGER } })),
    ),
    'joins › a join that bears no failure opens with the first',
    'joins › a join that bears some failures opens when there are more, and not before',
  ),

  mutant(
    'a stale settlement does to its run what it says',
    class extends Settling {
      protected async settled({ run, follow = [] }: Settlement, answer: SettleAnswer): Promise<void> {
        if (answer !== 'stale' || run === undefined) return
        await super.startRuns(run.start ?? [])
        const opened = (run.arrive ?? []).map(({ task }) => task)
        await super.repairRun({ id: run.run, joins: [], tasks: [...follow, ...opened] })
      }
    },
    'settlements of steps › an arrival of a stale settlement has no effect',
    'settlements of steps › a start of another run of a stale settlement has no effect',
    'settlements of steps › a follow-on step of a stale settlement has no effect',
  ),

  mutant(
    'a settlement that is repeated arrives again',
    class extends Settling {
      readonly #arrived = new Map<TaskId, number>()
      protected async settled({ run }: Settlement): Promise<void> {
        for (const { task, arrived, opens } of run?.arrive ?? []) {
          const count = (this.#arrived.get(task.id) ?? 0) + arrived
          this.#arrived.set(task.id, count)
          if (count >= opens.arrived) await super.repairRun({ id: run!.run, joins: [], tasks: [task] })
        }
      }
    },
    'joins › a settlement that is repeated does not arrive twice',
    'joins › a settlement sent by eight callers at once arrives once',
  ),

  mutant(
    'steps are ended when their attempts are spent',
    class extends MemoryBackend {
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        const reply = await super.claim(request)
        const spent = ({ attempt, maxAttempts }: ClaimedTask): boolean => attempt > (maxAttempts ?? 5)
        await super.settle(
          reply.tasks
            .filter(spent)
            .map(({ id, token }) => ({ id, token, kind: 'killed', error: { name: 'E', message: 'spent' } })),
        )
        return { ...reply, tasks: reply.tasks.filter((task) => !spent(task)) }
      }
    },
    'ends of steps › a step whose attempts are spent by a crash is handed out once more',
    'ends of steps › a step that has spent its crashes is handed out once more, alone',
  ),

  mutant(
    'a step that was asked to end is ended by the store',
    class extends MemoryBackend {
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        const reply = await super.claim(request)
        const asked = reply.tasks.filter(({ cancelling }) => cancelling)
        await super.settle(asked.map(({ id, token }) => ({ id, token, kind: 'cancelled' })))
        return { ...reply, tasks: reply.tasks.filter(({ cancelling }) => !cancelling) }
      }
    },
    'ends of steps › a cancel of a step that waits makes it due, to be ended by whoever claims it',
    'ends of steps › a step that was asked to end and is released is handed out again, still to be ended',
    'cancelRuns › a held step that goes back is handed out once more, to be ended',
  ),

  mutant(
    'a claim does not say how the run stands',
    claiming((task) => (task.step ? { ...task, step: { ...task.step, status: 'running' } } : task)),
    'ends of runs › a step that is stored after its run is done is handed out and says so',
    'settlements of steps › a step that waits sees how its run stands by the time it is claimed',
  ),

  mutant(
    'a run that has ended changes its status again',
    class extends Settling {
      readonly #last = new Map<RunId, RunInfo['status']>()
      protected async settled({ run }: Settlement, answer: SettleAnswer): Promise<void> {
        if (answer === 'applied' && run?.change !== undefined) this.#last.set(run.run, run.change.status)
      }
      override async fetchRun(id: RunId): Promise<RunInfo | null> {
        const run = await super.fetchRun(id)
        return run === null ? null : { ...run, status: this.#last.get(id) ?? run.status }
      }
    },
    'settlements of steps › from done a run goes where it may go, and nowhere else',
    'ends of runs › what a step settles after the end of its run does not revive the run',
  ),

  mutant(
    'every cancel of a run stores a step of its own',
    class extends MemoryBackend {
      override async cancelRuns(
        requests: readonly { readonly id: RunId; readonly reason?: string; readonly task: NewTask }[],
      ): Promise<readonly CancelRunAnswer[]> {
        const answers = await super.cancelRuns(requests)
        for (const { id, task } of requests) await super.repairRun({ id, joins: [], tasks: [task] })
        return answers
      }
    },
    'cancelRuns › the step that will end the run is stored with the first call, and with no other',
    'cancelRuns › of eight cancels at once one makes it cancelling and stores its step',
  ),

  mutant(
    'a retry does not look whether there was another',
    class extends MemoryBackend {
      override async retryRun(retry: RunRetry): Promise<RetryRunAnswer> {
        const retries = (await super.fetchRun(retry.id))?.retries ?? 0
        return super.retryRun({ ...retry, retries })
      }
    },
    'retryRun › a retry worked out before another one is stale, and changes nothing',
  ),

  mutant(
    'a retry forgets how joins stand',
    class extends MemoryBackend {
      override retryRun(retry: RunRetry): Promise<RetryRunAnswer> {
        return super.retryRun({ ...retry, joins: [] })
      }
    },
    'retryRun › a join that was forgotten counts from what it is said to be, and opens again',
  ),

  mutant(
    'a message is given to every step that asks',
    class extends MemoryBackend {
      override async signal(run: RunId, message: Message, options?: { readonly key?: string }): Promise<SignalAnswer> {
        const answer = await super.signal(run, message, options)
        if (answer === 'stored') await super.signal(run, message)
        return answer
      }
    },
    'signal and receive › messages of one name go to the steps that ask for them, each to one, in order',
  ),

  mutant(
    'what is only looked at is taken',
    class extends MemoryBackend {
      override peek(
        step: { readonly id: TaskId; readonly token: string },
        names: readonly string[],
      ): Promise<readonly Message[]> {
        return super.receive(step, names)
      }
    },
    'signal and receive › peek shows what receive would give, in the order in which they came, and gives nothing',
  ),

  mutant(
    'what is discarded comes again',
    class extends MemoryBackend {
      override async discard(): Promise<void> {
        // Nothing is lost.
      }
    },
    'signal and receive › what a step discards is lost, and the next comes in its place',
  ),

  mutant(
    'a message is received once and then lost',
    class extends MemoryBackend {
      readonly #told = new Set<string>()
      override async receive(
        step: { readonly id: TaskId; readonly token: string },
        names: readonly string[],
      ): Promise<readonly Message[]> {
        const messages = await super.receive(step, names)
        const fresh = messages.filter(({ name }) => !this.#told.has(`${step.id} ${name}`))
        for (const { name } of fresh) this.#told.add(`${step.id} ${name}`)
        return fresh
      }
    },
    'signal and receive › receiving again gives the same messages again',
    'signal and receive › a step that lives again after a retry is given its messages again',
  ),

  mutant(
    'a step that listens does not hear what came before',
    class extends MemoryBackend {
      override settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
        return super.settle(
          settlements.map((settlement) =>
            settlement.run?.listen === undefined
              ? settlement
              : { ...settlement, run: { ...settlement.run, listen: { ...settlement.run.listen, names: [] } } },
          ),
        )
      }
    },
    'listening › a message that came before makes it due at once',
    'listening › a step that listens is due when a message comes, its attempt given back',
    'runs of runs › a run that ended before its parent listens has told it',
  ),

  mutant(
    'pages are written under any token',
    class extends Knowing {
      override async writePages(
        { id, token }: { readonly id: TaskId; readonly token: string },
        first: number,
        pages: readonly Encoded[],
      ): Promise<void> {
        return super.writePages({ id, token: this.tokens.get(id) ?? token }, first, pages)
      }
    },
    'pages › under a token that is not current it is ERR_LEASE_LOST, and nothing is written',
  ),
]

function withArrivals(settlement: Settlement, change: (arrival: Arrival) => Arrival): Settlement {
  const { run } = settlement
  return run?.arrive === undefined ? settlement : { ...settlement, run: { ...run, arrive: run.arrive.map(change) } }
}
