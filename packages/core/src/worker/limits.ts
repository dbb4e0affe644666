/**
 * How middlewares reach limits that all processes share: wishes made at the same time go to the backend together.
 */
import type { Backend } from '../backend/backend.ts'
import { supports } from '../backend/capability.ts'
import type { LimitAnswer, LimitRequest } from '../backend/control.ts'
import { QError } from '../error.ts'
import { groupCommit } from '../group-commit.ts'
import type { AttemptHost } from './context.ts'

/** Most wishes of one call. */
const MAX_WISHES = 500

/** What attempts ask with; undefined where the backend has no shared limits. */
export function sharedLimits(backend: Backend): AttemptHost['acquire'] {
  if (!supports(backend, 'acquire')) return undefined
  const group = groupCommit<LimitRequest, LimitAnswer>((requests) => acquireAll(backend, requests), {
    max: MAX_WISHES,
  })
  return (task, wish) => group.add(wish.kind === 'concurrency' ? { ...wish, id: task.id, token: task.token } : wish)
}

async function acquireAll(
  backend: Backend & { acquire(requests: readonly LimitRequest[]): Promise<readonly LimitAnswer[]> },
  requests: readonly LimitRequest[],
): Promise<readonly LimitAnswer[]> {
  const answers = await backend.acquire(requests)
  if (answers.length === requests.length) return answers
  throw new QError(
    'ERR_BACKEND',
    `The ${backend.name} backend answered ${answers.length} of ${requests.length} wishes for room.`,
  )
}
