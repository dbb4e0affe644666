/** Runs a schema on a value; whatever it answers, throws or returns comes out as a value or one of two errors. */
import { QError } from '../error.ts'
import { messageOf, show } from '../show.ts'
import type { StandardIssue, StandardResult, StandardSchemaV1 } from './standard-schema.ts'

const MAX_ISSUES = 5
const MAX_ISSUE_LENGTH = 300
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/

/**
 * The value as the schema gives it.
 * @param where Begins the message: `queue "emails"`.
 * @param root Names the value in paths: `args`.
 * @throws QError `ERR_INVALID`, naming up to five paths, or with what the schema threw as its cause.
 * @throws QError `ERR_SCHEMA_ASYNC` when the schema answers with a promise.
 */
export function validate<Output>(
  schema: StandardSchemaV1<unknown, Output>,
  value: unknown,
  where: string,
  root: string,
): Output {
  let answer: StandardResult<Output> | Promise<StandardResult<Output>>
  try {
    answer = schema['~standard'].validate(value)
  } catch (cause) {
    throw new QError('ERR_INVALID', `${where}: ${root}: the schema threw: ${messageOf(cause)}`, { cause })
  }
  if (typeof (answer as Partial<PromiseLike<unknown>> | undefined)?.then === 'function') {
    // Nobody waits for it; its failure must not end the process.
    Promise.resolve(answer).catch(() => undefined)
    throw new QError(
      'ERR_SCHEMA_ASYNC',
      `${where}: the schema of ${root} validates asynchronously. Take asynchronous checks out of it and make them in the handler.`,
    )
  }
  const result = answer as StandardResult<Output> | undefined
  if (typeof result !== 'object' || result === null)
    throw new QError('ERR_INVALID', `${where}: ${root}: the schema answered ${show(result)}, which is no result.`)
  if (result.issues === undefined) return result.value
  throw new QError('ERR_INVALID', `${where}: ${describe(result.issues, root)}`)
}

/** Whether a value is a Standard Schema of version 1. Arktype's are functions. */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const props = (value as Partial<StandardSchemaV1>)['~standard']
  return typeof props === 'object' && props !== null && props.version === 1 && typeof props.validate === 'function'
}

function describe(issues: readonly StandardIssue[], root: string): string {
  const shown = issues.slice(0, MAX_ISSUES).map((issue) => {
    const message = typeof issue?.message === 'string' ? issue.message : 'is not valid'
    return `${pathOf(issue, root)}: ${message.slice(0, MAX_ISSUE_LENGTH).toWellFormed()}`
  })
  const more = issues.length - shown.length
  return `${shown.length === 0 ? `${root}: is not valid` : shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

function pathOf(issue: StandardIssue | undefined, root: string): string {
  let path = root
  for (const segment of issue?.path ?? []) {
    const key = typeof segment === 'object' && segment !== null ? segment.key : segment
    path +=
      typeof key === 'number'
        ? `[${key}]`
        : typeof key === 'string' && IDENTIFIER.test(key)
          ? `.${key}`
          : `[${show(key)}]`
  }
  return path
}
