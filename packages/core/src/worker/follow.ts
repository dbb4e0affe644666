/** Checks what is given to `ctx.follow`, where it is given: at the settle nobody could say any more who was wrong. */
import { checkQueueName } from '../contract/queue-name.ts'
import { isQError, QError } from '../error.ts'
import { checkTaskId } from '../id.ts'
import { show } from '../show.ts'
import { checkMetadata } from '../task/metadata-check.ts'
import { checkMaxAttempts, checkPriority } from '../task/push-options.ts'
import type { NewTask } from '../task/task.ts'
import { checkKey } from '../task/unique.ts'

const WHERE = 'ctx.follow'

/** @throws QError `ERR_OPTION` for what is no encoded task, as `storage.encode` makes them. */
export function checkFollow(tasks: readonly unknown[]): void {
  for (const [index, task] of tasks.entries()) {
    const wrong = whatIsWrong(task)
    if (wrong !== undefined)
      throw new QError(
        'ERR_OPTION',
        `${WHERE}: argument ${index + 1} ${wrong}. Pass what storage.encode(args) of the queue it is for returns.`,
      )
  }
}

function whatIsWrong(task: unknown): string | undefined {
  if (typeof task !== 'object' || task === null) return `is no encoded task, got ${show(task)}`
  const { payload, due, deadline } = task as Partial<NewTask>
  if (typeof payload?.codec !== 'string' || !(payload.bytes instanceof Uint8Array))
    return 'is no encoded task: it has no payload of bytes'
  if (!isDue(due)) return 'has no time at which it is due'
  if (deadline !== undefined && deadline !== null && !isDue(deadline)) return 'has a deadline that is no time'
  return wrongDetail(task as Partial<NewTask>)
}

function wrongDetail({
  id,
  queue,
  priority,
  maxAttempts,
  key,
  metadata,
  unique,
}: Partial<NewTask>): string | undefined {
  try {
    checkTaskId(id)
    checkQueueName(queue)
    checkPriority(WHERE, priority as number)
    if (maxAttempts !== null) checkMaxAttempts(WHERE, maxAttempts as number)
    if (key !== null) checkKey('key', key)
    if (metadata !== null) checkMetadata(WHERE, metadata)
    if (unique !== undefined && unique !== null) checkKey('unique.key', unique.key)
    return undefined
  } catch (error) {
    if (!isQError(error)) throw error
    return `is no encoded task: ${error.message.replace(/\.$/, '')}`
  }
}

function isDue(due: unknown): boolean {
  if (typeof due !== 'object' || due === null) return false
  const ms: unknown = 'at' in due ? due.at : 'afterMs' in due ? due.afterMs : undefined
  return typeof ms === 'number' && Number.isFinite(ms)
}
