/** Defects of what can be done to tasks, queues and workers from outside. */
import type {
  ClaimReply,
  ClaimRequest,
  ControlAnswer,
  InstanceId,
  ResumeAnswer,
  Retention,
  TaskChange,
  TaskId,
  WorkerCommand,
} from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { Mutant } from './mutant.ts'
import { beating, mutant } from './mutant.ts'

/** Changes what is asked to be changed. */
function changing(change: (asked: TaskChange) => TaskChange): typeof MemoryBackend {
  return class extends MemoryBackend {
    override update(id: TaskId, asked: TaskChange): Promise<ControlAnswer> {
      return super.update(id, change(asked))
    }
  }
}

/** Changes what a vacuum is asked for. */
function vacuuming(change: (retention: Retention, limit: number) => [Retention, number]): typeof MemoryBackend {
  return class extends MemoryBackend {
    override vacuum(queue: string, retention: Retention, limit: number): Promise<number> {
      return super.vacuum(queue, ...change(retention, limit))
    }
  }
}

export const controlMutants: readonly Mutant[] = [
  mutant(
    'a change forgets the priority',
    changing(({ priority: _priority, ...change }) => change),
    'update › the new priority decides the order',
    'update › of changes made at once one wins as a whole',
  ),

  mutant(
    'a change clears what it does not name',
    changing((change) => ({ metadata: null, timeoutMs: null, deadline: null, ...change })),
    'update › what a change does not name stays',
    'update › a change of one limit leaves the other',
  ),

  mutant(
    'a change of a held task says that it was applied',
    class extends MemoryBackend {
      override async update(id: TaskId, change: TaskChange): Promise<ControlAnswer> {
        const answer = await super.update(id, change)
        return answer === 'busy' ? 'applied' : answer
      }
    },
    'update › a task that a worker holds is busy and stays as it is',
  ),

  mutant(
    'a change brings a task that ended back to life',
    class extends MemoryBackend {
      override async update(id: TaskId, change: TaskChange): Promise<ControlAnswer> {
        if ((await super.update(id, change)) === 'ended') await this.resumeById([id])
        return super.update(id, change)
      }
    },
    'update › a task that is done has ended and stays as it is',
  ),

  mutant(
    'a task that ended is said to live again, and does not',
    class extends MemoryBackend {
      override async resumeById(ids: readonly TaskId[]): Promise<readonly ResumeAnswer[]> {
        const tasks = await Promise.all(ids.map((id) => this.fetchById(id)))
        const open = ids.filter((_, n) => tasks[n] !== null && tasks[n]!.finishedAt === null)
        const answers = await super.resumeById(open)
        return ids.map((id) => (open.includes(id) ? answers[open.indexOf(id)]! : 'resumed'))
      }
    },
    'resumeById › a task that is done lives again under its id, from the first attempt',
    'resumeById › an id that nobody pushed is unknown, and no ids are no answers',
  ),

  mutant(
    'a new life goes on counting the attempts of the last',
    class extends MemoryBackend {
      readonly #before = new Map<TaskId, number>()
      override async resumeById(ids: readonly TaskId[]): Promise<readonly ResumeAnswer[]> {
        for (const id of ids) {
          const task = await this.fetchById(id)
          if (task !== null && task.finishedAt !== null) this.#before.set(id, task.attempt)
        }
        return super.resumeById(ids)
      }
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        const reply = await super.claim(request)
        const tasks = reply.tasks.map((task) => ({
          ...task,
          attempt: task.attempt + (this.#before.get(task.id) ?? 0),
        }))
        return { ...reply, tasks }
      }
    },
    'resumeById › a task that is done lives again under its id, from the first attempt',
    'resumeById › a task may live again and again',
  ),

  mutant(
    'a held task is removed',
    class extends MemoryBackend {
      readonly #tokens = new Map<TaskId, string>()
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        const reply = await super.claim(request)
        for (const { id, token } of reply.tasks) this.#tokens.set(id, token)
        return reply
      }
      override async remove(ids: readonly TaskId[]): Promise<readonly ControlAnswer[]> {
        for (const id of ids) await this.settle([{ id, token: this.#tokens.get(id) ?? '', kind: 'released' }])
        return super.remove(ids)
      }
    },
    'remove › a task that a worker holds is busy and stays',
    'remove › answers come in the order given',
  ),

  mutant(
    'a removed task is only cancelled',
    class extends MemoryBackend {
      override async remove(ids: readonly TaskId[]): Promise<readonly ControlAnswer[]> {
        const answers = await this.cancel(ids)
        return answers.map((answer) =>
          answer === 'unknown' ? 'unknown' : answer === 'cancelling' ? 'busy' : 'applied',
        )
      }
    },
    'remove › a task that waits is gone and is not handed out',
    'remove › removing again finds nothing',
    'remove › its id and its key are free again',
  ),

  mutant(
    'a paused queue hands out',
    class extends MemoryBackend {
      override async pause(): Promise<void> {}
    },
    'pause › a paused queue hands nothing out and names no due time',
    'pause › a beat names those of the instance’s queues that are paused',
    'pause › a claim that begins after the pause brings nothing, whatever was under way',
  ),

  mutant(
    'a paused queue stays paused',
    class extends MemoryBackend {
      override async resume(): Promise<void> {}
    },
    'pause › a queue that is resumed hands out what was pushed before and meanwhile, in order',
  ),

  mutant(
    'a second pause takes the place of the first',
    class extends MemoryBackend {
      override async pause(
        queue: string,
        info: { readonly by?: string; readonly reason?: string } = {},
      ): Promise<void> {
        await this.resume(queue)
        await super.pause(queue, info)
      }
    },
    'pause › who paused, when and why is kept from the first pause until it ends',
  ),

  mutant(
    'a beat does not tell of paused queues',
    beating((reply) => ({ ...reply, paused: [] })),
    'pause › a beat names those of the instance’s queues that are paused',
    'pause › an instance that registers while its queue is paused hears of it with its first beat',
  ),

  mutant(
    'a beat does not tell what the worker is asked to do',
    beating((reply) => ({ ...reply, command: 'work' })),
    'commandWorker › every beat says stop until something else is asked',
  ),

  mutant(
    'a command is told once',
    class extends MemoryBackend {
      readonly #told = new Set<InstanceId>()
      override async beat(
        request: Parameters<MemoryBackend['beat']>[0],
      ): Promise<Awaited<ReturnType<MemoryBackend['beat']>>> {
        const reply = await super.beat(request)
        if (reply.command === undefined || reply.command === 'work') return reply
        if (this.#told.has(request.instance)) return { ...reply, command: 'work' }
        this.#told.add(request.instance)
        return reply
      }
    },
    'commandWorker › every beat says pause until something else is asked',
  ),

  mutant(
    'any instance can be asked',
    class extends MemoryBackend {
      override async commandWorker(instance: InstanceId, command: WorkerCommand): Promise<boolean> {
        await super.commandWorker(instance, command)
        return true
      }
    },
    'commandWorker › an instance that never registered cannot be asked',
    'commandWorker › an instance that was swept cannot be asked',
  ),

  mutant(
    'a vacuum deletes the young',
    vacuuming((retention, limit) => [
      Object.fromEntries(Object.keys(retention).map((name) => [name, 0])) as Retention,
      limit,
    ]),
    'vacuum › what ended later stays',
    'vacuum › the border is where it was asked to be',
  ),

  mutant(
    'a vacuum deletes whatever has ended',
    vacuuming((_, limit) => [{ doneMs: 0, killedMs: 0, cancelledMs: 0 }, limit]),
    'vacuum › a span for done tasks alone leaves the others',
    'vacuum › without any span nothing is deleted',
  ),

  mutant(
    'a vacuum ignores its limit',
    vacuuming((retention) => [retention, 10_000]),
    'vacuum › the limit is kept, and the oldest go first',
    'vacuum › eight vacuums at once delete each task once',
  ),
]
