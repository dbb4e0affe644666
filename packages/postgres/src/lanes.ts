/**
 * Remembers which lane each queue and priority has.
 *
 * A lane unknown to this process is made in a transaction of its own, before the push that needs it: two
 * long transactions of users then never wait for each other over a queue's first task.
 */
import type { NewTask } from '@q/core'
import type { Control } from './connection/control.ts'
import { ensureLaneQuery } from './query/push.ts'

/** Lane ids by queue and priority. */
export interface Lanes {
  /** The lane of each task, in order. */
  of(tasks: readonly NewTask[]): Promise<number[]>
}

/** Past this many the memory is started afresh; asking again is cheap. */
const REMEMBERED = 10_000

/** Lanes of one schema. */
export function openLanes(control: Control, schema: string): Lanes {
  const known = new Map<string, number>()
  return {
    async of(tasks) {
      const lanes: number[] = []
      for (const { queue, priority } of tasks) {
        const name = `${priority} ${queue}`
        let lane = known.get(name)
        if (lane === undefined) {
          const [row] = await control.run(ensureLaneQuery(schema, queue, priority), `make queue "${queue}" known`)
          lane = Number(row!.id)
          if (known.size >= REMEMBERED) known.clear()
          known.set(name, lane)
        }
        lanes.push(lane)
      }
      return lanes
    },
  }
}
