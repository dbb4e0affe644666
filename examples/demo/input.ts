/**
 * The work of the demo, decided by a seed before anything runs: which tasks there are, when they are due,
 * how the world will treat each of them, and therefore how every one must end.
 */
import { type TaskBuilder, task } from '@q/core'

/** What the world does to a task. */
export type Fate =
  /** Works at once. */
  | 'fine'
  /** Fails once, then works. */
  | 'flaky'
  /** Fails in every attempt until none is left. */
  | 'hopeless'
  /** The handler sees that no attempt will help and aborts. */
  | 'refused'
  /** Too early: put off once without counting, then works. */
  | 'early'

/** Args of every task of the demo. */
export interface Job {
  readonly n: number
  readonly fate: Fate
  readonly text: string
}

export const QUEUES = ['emails', 'thumbnails', 'invoices', 'webhooks', 'reports'] as const
export type QueueName = (typeof QUEUES)[number]

/** Attempts a task has in all. */
export const MAX_ATTEMPTS = 3

interface Plan {
  /** Distinct tasks. */
  readonly tasks: number
  /** Of a thousand: how many meet each fate; the rest are fine. */
  readonly perMille: Readonly<Partial<Record<Fate, number>>>
  /** Share of tasks that are pushed twice under the same key. */
  readonly duplicates: number
  /** Tasks whose stored bytes no codec can read. */
  readonly undecodable: number
}

const PLANS: Readonly<Record<QueueName, Plan>> = {
  emails: { tasks: 5_400, perMille: { flaky: 60, refused: 15, early: 20 }, duplicates: 0.08, undecodable: 7 },
  thumbnails: { tasks: 3_200, perMille: { flaky: 40, refused: 10 }, duplicates: 0, undecodable: 5 },
  invoices: { tasks: 600, perMille: { flaky: 50 }, duplicates: 0, undecodable: 0 },
  webhooks: { tasks: 2_400, perMille: { flaky: 120, hopeless: 20, refused: 10 }, duplicates: 0.05, undecodable: 3 },
  reports: { tasks: 400, perMille: { early: 100, flaky: 30 }, duplicates: 0, undecodable: 0 },
}

/** Orders that are placed and then rolled back, invoice task included. */
export const ROLLED_BACK = 60

/** All tasks of one queue. */
export interface QueueInput {
  readonly queue: QueueName
  readonly tasks: readonly TaskBuilder<Job>[]
  /** Some of the tasks again: same key, same args. */
  readonly duplicates: readonly TaskBuilder<Job>[]
  readonly undecodable: number
}

/** Makes the input of every queue. */
export function makeInput(seed: number): readonly QueueInput[] {
  const random = lots(seed)
  return QUEUES.map((queue) => {
    const plan = PLANS[queue]
    const tasks = Array.from({ length: plan.tasks }, (_, n) => {
      const job: Job = { n, fate: fateOf(plan, random()), text: `${queue} ${n}` }
      const plain = task(job)
        .maxAttempts(MAX_ATTEMPTS)
        .priority(Math.floor(random() * 3) * 10)
      const due = random() < 0.1 ? plain.runAfter(Math.ceil(random() * 3_000)) : plain
      return plan.duplicates > 0 ? due.key(`${queue}/${n}`) : due
    })
    const duplicates = tasks.filter(() => random() < plan.duplicates)
    return { queue, tasks, duplicates, undecodable: plan.undecodable }
  })
}

function fateOf(plan: Plan, draw: number): Fate {
  let left = draw * 1_000
  for (const [fate, share] of Object.entries(plan.perMille)) {
    left -= share
    if (left < 0) return fate as Fate
  }
  return 'fine'
}

/** Numbers from 0 to below 1 that are the same for the same seed (mulberry32). */
export function lots(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
