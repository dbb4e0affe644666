/** Defects of histories, reports, statistics and streams. */
import type {
  AttemptRecord,
  ClaimReply,
  ClaimRequest,
  ErrorGroup,
  LogLine,
  MetricPoint,
  MetricRequest,
  Page,
  PageRequest,
  TaskEvent,
  TaskId,
  TaskReport,
} from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { Mutant } from './mutant.ts'
import { mutant, settling } from './mutant.ts'

/** Changes the history of a task. */
function remembering(change: (attempts: readonly AttemptRecord[]) => readonly AttemptRecord[]): typeof MemoryBackend {
  return class extends MemoryBackend {
    override async listAttempts(id: TaskId): Promise<readonly AttemptRecord[]> {
      return change(await super.listAttempts(id))
    }
  }
}

/** Changes each point of a series. */
function measuring(change: (point: MetricPoint) => MetricPoint): typeof MemoryBackend {
  return class extends MemoryBackend {
    override async metrics(request: MetricRequest): Promise<readonly MetricPoint[]> {
      return (await super.metrics(request)).map(change)
    }
  }
}

/** Tells each event so many times. */
function telling(times: (event: TaskEvent) => number): typeof MemoryBackend {
  return class extends MemoryBackend {
    override async *events(...stream: Parameters<MemoryBackend['events']>): AsyncGenerator<TaskEvent, void, void> {
      for await (const event of super.events(...stream)) for (let n = times(event); n > 0; n--) yield event
    }
  }
}

export const historyMutants: readonly Mutant[] = [
  mutant(
    'the attempt that is under way is not shown',
    remembering((attempts) => attempts.filter(({ result }) => result !== 'running')),
    'listAttempts › a task that is held shows the attempt that is under way',
  ),

  mutant(
    'only the last attempt is remembered',
    remembering((attempts) => attempts.slice(-1)),
    'listAttempts › attempts that failed stand there in order, each with its error',
    'listAttempts › a new life goes on with the history of the last',
  ),

  mutant(
    'a crash looks like a failure',
    remembering((attempts) => attempts.map((one) => (one.result === 'crashed' ? { ...one, result: 'failed' } : one))),
    'listAttempts › an attempt whose worker died crashed',
  ),

  mutant(
    'how long an attempt ran is lost',
    settling(({ ranMs: _ranMs, ...settlement }) => settlement),
    'listAttempts › attempts that failed stand there in order, each with its error',
    'metrics › the times of handlers stand in the buckets of their length',
  ),

  mutant(
    'a stale report changes the progress',
    class extends MemoryBackend {
      readonly #tokens = new Map<TaskId, string>()
      override async claim(request: ClaimRequest): Promise<ClaimReply> {
        const reply = await super.claim(request)
        for (const { id, token } of reply.tasks) this.#tokens.set(id, token)
        return reply
      }
      override report(reports: readonly TaskReport[]): Promise<void> {
        return super.report(reports.map((one) => ({ ...one, token: this.#tokens.get(one.id) ?? one.token })))
      }
    },
    'report › progress under a token that is no longer current changes nothing',
  ),

  mutant(
    'the lines of a stale report are lost',
    class extends MemoryBackend {
      override async report(reports: readonly TaskReport[]): Promise<void> {
        for (const one of reports) {
          const { lost } = await this.beat({ instance: one.id, leaseMs: 1_000, running: [one] })
          if (lost.length === 0) await super.report([one])
        }
      }
    },
    'report › lines under a token that is no longer current are kept',
  ),

  mutant(
    'a report without progress takes it away',
    class extends MemoryBackend {
      override report(reports: readonly TaskReport[]): Promise<void> {
        const none = { done: 0, total: null, note: null }
        return super.report(reports.map((one) => ({ progress: none, ...one })))
      }
    },
    'report › progress shows until something else is said',
  ),

  mutant(
    'a log is always read from its start',
    class extends MemoryBackend {
      override readLog(
        id: TaskId,
        options: { readonly after?: string; readonly limit?: number } = {},
      ): Promise<readonly LogLine[]> {
        return super.readLog(id, options.limit === undefined ? {} : { limit: options.limit })
      }
    },
    'report › a reader goes on after the line it has seen',
    'report › pages of lines hold every line exactly once',
  ),

  mutant(
    'a report of an unknown task spoils its call',
    class extends MemoryBackend {
      override async report(reports: readonly TaskReport[]): Promise<void> {
        const tasks = await Promise.all(reports.map(({ id }) => this.fetchById(id)))
        if (!tasks.includes(null)) await super.report(reports)
      }
    },
    'report › a report of a task that nobody pushed is dropped, and hurts no other',
  ),

  mutant(
    'failures are not counted',
    measuring((point) => ({ ...point, failed: 0 })),
    'metrics › after a crash the statistics add up to what was done',
    'metrics › after two failures and an end the statistics add up to what was done',
  ),

  mutant(
    'what failed for good is counted as failed too',
    measuring((point) => ({ ...point, failed: point.failed + point.killed })),
    'metrics › after each of the ends the statistics add up to what was done',
    'metrics › after a crash that spends the last attempt the statistics add up to what was done',
  ),

  mutant(
    'statistics of all queues are one',
    class extends MemoryBackend {
      override metrics({ queue: _, ...request }: MetricRequest): Promise<readonly MetricPoint[]> {
        return super.metrics(request)
      }
    },
    'metrics › another queue sees nothing of it, all queues together see at least as much',
    'metrics › there is one point for each minute asked for, also where nothing happened',
  ),

  mutant(
    'spans without events are left out',
    class extends MemoryBackend {
      override async metrics(request: MetricRequest): Promise<readonly MetricPoint[]> {
        return (await super.metrics(request)).filter(({ pushed, done }) => pushed + done > 0)
      }
    },
    'metrics › there is one point for each hour asked for, also where nothing happened',
  ),

  mutant(
    'a repeated failure counts again',
    class extends MemoryBackend {
      readonly #failures = new Map<string, number>()
      override async settle(settlements: Parameters<MemoryBackend['settle']>[0]): ReturnType<MemoryBackend['settle']> {
        for (const { kind, id } of settlements)
          if (kind === 'failed') this.#failures.set(id, (this.#failures.get(id) ?? 0) + 1)
        return super.settle(settlements)
      }
      override async listErrorGroups(
        filter?: { readonly queue?: string },
        page?: PageRequest,
      ): Promise<Page<ErrorGroup>> {
        const { items, next } = await super.listErrorGroups(filter, page)
        return { items: items.map((group) => ({ ...group, count: this.#failures.get(group.sample) ?? 0 })), next }
      }
    },
    'listErrorGroups › a settlement that is repeated or stale counts nothing',
  ),

  mutant(
    'error groups of all queues are one list',
    class extends MemoryBackend {
      override listErrorGroups(_: { readonly queue?: string } = {}, page?: PageRequest): Promise<Page<ErrorGroup>> {
        return super.listErrorGroups({}, page)
      }
    },
    'listErrorGroups › each queue has groups of its own',
    'listErrorGroups › pages hold every group exactly once',
  ),

  mutant(
    'each event is told twice',
    telling(() => 2),
    'events › each event is told once, also when many end in one call',
  ),

  mutant(
    'an end on request is not told',
    telling(({ type }) => (type === 'cancelled' ? 0 : 1)),
    'events › a cancel of what waits is told',
    'events › a held task that is to end is told of when it has ended',
  ),

  mutant(
    'a stream does not go on where it was left',
    class extends MemoryBackend {
      override events(
        queue: string,
        { signal }: { readonly after?: string; readonly signal?: AbortSignal } = {},
      ): AsyncGenerator<TaskEvent, void, void> {
        return super.events(queue, signal === undefined ? {} : { signal })
      }
    },
    'events › a stream goes on after the event whose cursor it is given',
  ),
]
