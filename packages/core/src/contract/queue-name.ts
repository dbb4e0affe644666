/** What a queue may be called. */
import { QError } from '../error.ts'
import { show } from '../show.ts'

const QUEUE_NAME = /^[A-Za-z0-9_.:/@-]{1,100}$/

/**
 * Returns the name, or throws.
 * @throws QError `ERR_QUEUE_NAME`
 */
export function checkQueueName(name: unknown): string {
  if (typeof name === 'string' && QUEUE_NAME.test(name)) return name
  throw new QError('ERR_QUEUE_NAME', `A queue name is 1 to 100 letters, digits and "-_.:/@", got ${show(name)}.`)
}
