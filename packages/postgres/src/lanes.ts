/**
 * Remembers which lane each queue and priority has.
 *
 * A lane unknown to this process is made in a transaction of its own, before the push that needs it: two
 * long transactions of users then never wait for each other over a queue's first task. What is remembered may be wrong
 * (the schema was made anew, or the server is another one now), so a push says what it thinks each lane to be, and is
 * told when that is not so.
 */
import type { NewTask } from '@q/core'
import type { Control } from './connection/control.ts'
import { ensureLaneQuery } from './query/push.ts'

/** The lanes of some tasks. */
export interface TaskLanes {
  /** The lane of each task, in order. */
  readonly of: readonly number[]
  /** Each of these lanes once, and in parallel what it stands for. */
  readonly known: readonly number[]
  readonly queues: readonly string[]
  readonly priorities: readonly number[]
  /** Every lane was looked up just now: no need to check. A transaction with an older snapshot could not see it. */
  readonly trusted: boolean
}

/** Lane ids by queue and priority. */
export interface Lanes {
  /** The lanes of tasks. `again`: what is remembered of them was wrong. */
  of(tasks: readonly NewTask[], again?: 'again'): Promise<TaskLanes>
}

/** Past this many the memory is started afresh; asking again is cheap. */
const REMEMBERED = 10_000

/** Lanes of one schema. */
export function openLanes(control: Control, schema: string): Lanes {
  const known = new Map<string, number>()

  const look = async (queue: string, priority: number): Promise<number> => {
    const [row] = await control.run(ensureLaneQuery(schema, queue, priority), `make queue "${queue}" known`)
    if (known.size >= REMEMBERED) known.clear()
    const lane = Number(row!.id)
    known.set(nameOf(queue, priority), lane)
    return lane
  }

  return {
    async of(tasks, again) {
      const mine = new Map<string, number>()
      const queues: string[] = []
      const priorities: number[] = []
      let trusted = true
      for (const { queue, priority } of tasks) {
        const name = nameOf(queue, priority)
        if (mine.has(name)) continue
        const remembered = again === undefined ? known.get(name) : undefined
        if (remembered !== undefined) trusted = false
        mine.set(name, remembered ?? (await look(queue, priority)))
        queues.push(queue)
        priorities.push(priority)
      }
      const of = tasks.map(({ queue, priority }) => mine.get(nameOf(queue, priority))!)
      return { of, known: [...mine.values()], queues, priorities, trusted }
    },
  }
}

function nameOf(queue: string, priority: number): string {
  return `${priority} ${queue}`
}
