/**
 * Backends with one defect each, made from the memory backend.
 *
 * Each names cases of the suite that must fail on it: if they do not, the suite has gone blind there.
 */
import type {
  BeatReply,
  BeatRequest,
  ClaimedTask,
  ClaimReply,
  ClaimRequest,
  NewTask,
  Receipt,
  SettleAnswer,
  Settlement,
} from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import type { MemoryBackendOptions } from '@q/core/memory'

/** A defect, and the cases (`section › name`) that must find it. */
export interface Mutant {
  readonly defect: string
  readonly make: (options: MemoryBackendOptions) => MemoryBackend
  readonly red: readonly string[]
}

/** Names a defect, the class that has it, and the cases that must find it. */
export function mutant(
  defect: string,
  Broken: new (options: MemoryBackendOptions) => MemoryBackend,
  ...red: string[]
): Mutant {
  return { defect, make: (options) => new Broken(options), red }
}

/** Changes what is pushed. */
export function pushing(change: (task: NewTask, index: number) => NewTask): typeof MemoryBackend {
  return class extends MemoryBackend {
    override push(tasks: readonly NewTask[]): Promise<readonly Receipt[]> {
      return super.push(tasks.map(change))
    }
  }
}

/** Changes what is claimed. */
export function claiming(change: (task: ClaimedTask) => ClaimedTask): typeof MemoryBackend {
  return class extends MemoryBackend {
    override async claim(request: ClaimRequest): Promise<ClaimReply> {
      const reply = await super.claim(request)
      return { ...reply, tasks: reply.tasks.map(change) }
    }
  }
}

/** Changes what is settled. */
export function settling(change: (settlement: Settlement) => Settlement): typeof MemoryBackend {
  return class extends MemoryBackend {
    override settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
      return super.settle(settlements.map(change))
    }
  }
}

/** Changes what is answered to settlements. */
export function answering(change: (answers: readonly SettleAnswer[]) => readonly SettleAnswer[]): typeof MemoryBackend {
  return class extends MemoryBackend {
    override async settle(settlements: readonly Settlement[]): Promise<readonly SettleAnswer[]> {
      return change(await super.settle(settlements))
    }
  }
}

/** Changes what a beat is told. */
export function beating(change: (reply: BeatReply) => BeatReply): typeof MemoryBackend {
  return class extends MemoryBackend {
    override async beat(request: BeatRequest): Promise<BeatReply> {
      return change(await super.beat(request))
    }
  }
}
