/** One line per attempt, to any logger. */
import { checkKnownOptions } from '../options.ts'
import { toErrorRecord } from '../error-record.ts'
import type { Middleware } from './middleware.ts'

/** What is needed of a logger; `console`, pino and winston have it. */
export interface Logger {
  info(message: string): void
  error(message: string): void
}

/** Options of {@link log}. */
export interface LogOptions {
  /** Default `console`. */
  readonly logger?: Logger
}

/**
 * Writes `queue id attempt 1: ok in 12 ms` after each attempt, or its error's name and message.
 * A logger that throws does not hurt the task.
 */
export function log(options: LogOptions = {}): Middleware {
  checkKnownOptions('log', options, ['logger'])
  const logger = options.logger ?? console
  return async (ctx, next) => {
    const { task, clock } = ctx
    const startedAt = clock.now()
    const line = (end: string): string =>
      `${task.queue} ${task.id} attempt ${task.attempt}: ${end} in ${clock.now() - startedAt} ms`
    try {
      const result = await next()
      quietly(() => logger.info(line('ok')))
      return result
    } catch (error) {
      const { name, message } = toErrorRecord(error)
      quietly(() => logger.error(line(`${name}: ${message}`)))
      throw error
    }
  }
}

function quietly(write: () => void): void {
  try {
    write()
  } catch {
    // Logging is not the task's work.
  }
}
