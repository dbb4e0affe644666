/** One line per attempt, to any logger. */
import { QError } from '../error.ts'
import { toErrorRecord } from '../error-record.ts'
import { checkKnownOptions } from '../options.ts'
import { show } from '../show.ts'
import { type Middleware, named } from './middleware.ts'
import { withRest } from './rest.ts'

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
 * @throws QError `ERR_OPTION`
 */
export function log(options: LogOptions = {}): Middleware {
  checkKnownOptions('log', options, ['logger'])
  const { logger = console } = options
  if (typeof logger?.info !== 'function' || typeof logger.error !== 'function')
    throw new QError(
      'ERR_OPTION',
      `log: logger must have info(message) and error(message), such as console or a pino logger, got ${show(logger)}.`,
    )
  return named('log', (ctx, next) => {
    const { task, clock } = ctx
    const startedAt = clock.now()
    const line = (end: string): string =>
      `${task.queue} ${task.id} attempt ${task.attempt}: ${end} in ${clock.now() - startedAt} ms`
    return withRest(ctx, next, (how, value) => {
      if (how === 'done') return quietly(() => logger.info(line('ok')))
      const { name, message } = toErrorRecord(value)
      quietly(() => logger.error(line(`${name}: ${message}`)))
    })
  })
}

function quietly(write: () => void): void {
  try {
    write()
  } catch {
    // Logging is not the task's work.
  }
}
