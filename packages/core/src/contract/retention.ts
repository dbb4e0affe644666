/** How long finished tasks are kept, as people write it. */
import type { Retention } from '../backend/control.ts'
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { checkKnownOptions } from '../options.ts'

/** How long tasks of each end are kept after it. What is absent is kept for ever. */
export interface RetentionOptions {
  readonly done?: Duration
  readonly killed?: Duration
  readonly cancelled?: Duration
}

/**
 * The spans in milliseconds.
 * @throws QError `ERR_OPTION`, `ERR_DURATION`
 */
export function checkRetention(where: string, options: RetentionOptions): Retention {
  checkKnownOptions(`${where}: retention`, options, ['done', 'killed', 'cancelled'])
  const { done, killed, cancelled } = options
  return {
    ...(done === undefined ? {} : { doneMs: toMs(done, `${where}: retention.done`) }),
    ...(killed === undefined ? {} : { killedMs: toMs(killed, `${where}: retention.killed`) }),
    ...(cancelled === undefined ? {} : { cancelledMs: toMs(cancelled, `${where}: retention.cancelled`) }),
  }
}
