/**
 * A claimed task out of its row.
 *
 * Classes, not literals. V8 counts which literals of one place outlive a collection; in the first moments of a worker all
 * tasks do, and then it may make all later ones in the old generation, where they stay with all they hold.
 */
import type { ClaimedTask, Encoded } from '@q/core'
import type { ClaimRow } from './query/claim.ts'
import { RUN_STATUSES } from './run-columns.ts'

type Row = Extract<ClaimRow, { id: string }>

/** A task as core knows it. */
export class Claimed implements ClaimedTask {
  readonly id: string
  readonly queue: string
  readonly token: string
  readonly attempt: number
  readonly crashes: number
  readonly payload: Encoded
  readonly priority: number
  readonly maxAttempts: number | null
  readonly runAt: number
  readonly metadata: ClaimedTask['metadata']
  readonly checkpoint: Uint8Array | null
  readonly timeoutMs: number | null
  readonly deadlineInMs: number | null
  declare readonly step?: NonNullable<ClaimedTask['step']>
  declare readonly cancelling?: boolean

  constructor(row: Row, queue: string) {
    this.id = row.id
    this.queue = queue
    this.token = String(row.token)
    this.attempt = Number(row.attempt)
    this.crashes = Number(row.crashes)
    this.payload = new Payload(row.codec, row.payload)
    this.priority = Number(row.priority)
    this.maxAttempts = numberOrNull(row.max_attempts)
    this.runAt = Number(row.run_at)
    this.metadata = row.metadata
    this.checkpoint = row.checkpoint
    this.timeoutMs = numberOrNull(row.timeout_ms)
    this.deadlineInMs = numberOrNull(row.deadline_in_ms)
    const step = stepOf(row)
    if (step === undefined) return
    this.step = step
    if (row.cancelling) this.cancelling = true
  }
}

class Payload implements Encoded {
  readonly codec: string
  readonly bytes: Uint8Array

  constructor(codec: string, bytes: Uint8Array) {
    this.codec = codec
    this.bytes = bytes
  }
}

function stepOf({ run, node, index, workflow, status }: Row): Claimed['step'] {
  if (run === null || node === null || workflow === null) return undefined
  return { run, node, index: Number(index), workflow, status: RUN_STATUSES[Number(status)]! }
}

function numberOrNull(value: number | null): number | null {
  return value === null ? null : Number(value)
}
