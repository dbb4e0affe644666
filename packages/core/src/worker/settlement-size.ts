/** What a settlement weighs: outcomes wait in memory and travel in statements, and both have an end. */
import type { Settlement } from '../backend/backend.ts'
import type { ErrorRecord } from '../error-record.ts'
import type { NewTask } from '../task/task.ts'

/** What a follow-on task counts for besides its payload and metadata. */
const TASK_BYTES = 500

/** About how many bytes a settlement carries: its result, error or checkpoint, and the tasks that follow. 0 for most. */
export function sizeOf(settlement: Settlement): number {
  const own = ownSize(settlement)
  return settlement.follow === undefined ? own : own + followSize(settlement.follow)
}

function ownSize(settlement: Settlement): number {
  switch (settlement.kind) {
    case 'done':
      return settlement.result === null ? 0 : settlement.result.bytes.byteLength
    case 'progress':
      return settlement.checkpoint.byteLength
    case 'failed':
    case 'killed':
    case 'cancelled':
      return errorSize(settlement.error)
    default:
      return 0
  }
}

function errorSize(error: ErrorRecord | undefined): number {
  let chars = 0
  for (let each = error; each !== undefined; each = each.cause)
    chars += each.name.length + each.message.length + (each.stack?.length ?? 0)
  return chars
}

function followSize(follow: readonly NewTask[]): number {
  let bytes = 0
  for (const { payload, metadata } of follow) {
    bytes += TASK_BYTES + payload.bytes.byteLength
    if (metadata !== null) for (const [name, value] of Object.entries(metadata)) bytes += name.length + value.length
  }
  return bytes
}
