/** Sends the claims that came together as one statement and hands each its tasks. */
import type { ClaimedTask, ClaimReply, ClaimRequest } from '@q/core'
import { QError } from '@q/core'
import { Claimed } from './claimed.ts'
import type { Run } from './connection/run.ts'
import type { HeldClaims } from './held-claims.ts'
import type { LowWater } from './low-water.ts'
import { claimQuery } from './query/claim.ts'

/** One reply per request, in order; an error for a request whose instance is not registered. */
export async function claimTasks(
  run: Run,
  schema: string,
  requests: readonly ClaimRequest[],
  low: LowWater,
  held: HeldClaims,
): Promise<(ClaimReply | QError)[]> {
  const entries = requests.flatMap(({ instance, queues }, request) =>
    queues.map(({ queue, limit }) => ({ request, instance, queue, limit })),
  )
  const rows = await run(claimQuery(schema, entries, low.bounds()), 'claim tasks')
  const replies = requests.map(() => ({
    tasks: [] as ClaimedTask[],
    nextDueMs: null as number | null,
    lost: false,
  }))
  for (const row of rows) {
    const { request, queue } = entries[Number(row.ord) - 1]!
    const reply = replies[request]!
    if (row.id === null) {
      if (Number(row.token) === -1) reply.lost = true
      else reply.nextDueMs = Math.min(reply.nextDueMs ?? Infinity, Number(row.run_at))
      continue
    }
    const task = new Claimed(row, queue)
    reply.tasks.push(task)
    low.claimed(Number(row.lane), Number(row.run_at))
    held.add(task)
  }
  return replies.map(({ tasks, nextDueMs, lost }, index) =>
    lost
      ? new QError(
          'ERR_LEASE_LOST',
          `Worker instance ${requests[index]!.instance} is not registered (any more): its lease ended and its tasks were given to others. Register under a new instance id.`,
        )
      : { tasks, nextDueMs },
  )
}
