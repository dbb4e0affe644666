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
  let found: Found<Output>
  try {
    found = readAnswer(schema['~standard'].validate(value), root)
  } catch (cause) {
    throw new QError('ERR_INVALID', `${where}: ${root}: the schema threw: ${messageOf(cause)}`, { cause })
  }
  if (found === 'promise')
    throw new QError(
      'ERR_SCHEMA_ASYNC',
      `${where}: the schema of ${root} validates asynchronously. Take asynchronous checks out of it and make them in the handler.`,
    )
  if ('wrong' in found) throw new QError('ERR_INVALID', `${where}: ${found.wrong}`)
  return found.value
}

/** What a schema's answer comes to. */
type Found<Output> = { readonly value: Output } | { readonly wrong: string } | 'promise'

/** Takes nothing for granted: what a schema answers is made by somebody else. May throw what the answer throws. */
function readAnswer<Output>(
  answer: StandardResult<Output> | Promise<StandardResult<Output>>,
  root: string,
): Found<Output> {
  const given: unknown = answer
  if (typeof given !== 'object' || given === null) return noResult(given, root)
  if ('then' in given && typeof given.then === 'function') {
    // Nobody waits for it; its failure must not end the process.
    Promise.resolve(given).catch(() => undefined)
    return 'promise'
  }
  const issues: unknown = 'issues' in given ? given.issues : undefined
  if (Array.isArray(issues)) return { wrong: describe(issues, root) }
  if (issues !== undefined) return noResult({ issues }, root)
  return 'value' in given ? { value: (given as { readonly value: Output }).value } : noResult(given, root)
}

function noResult(answer: unknown, root: string): { readonly wrong: string } {
  const shown =
    typeof answer === 'object' && answer !== null
      ? 'issues' in answer
        ? `issues ${show(answer.issues)}`
        : 'neither a value nor issues'
      : show(answer)
  return { wrong: `${root}: the schema answered ${shown}, which is no result.` }
}

/** Whether a value is a Standard Schema of version 1. Arktype's are functions. */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const props = (value as Partial<StandardSchemaV1>)['~standard']
  return typeof props === 'object' && props !== null && props.version === 1 && typeof props.validate === 'function'
}

function describe(issues: readonly unknown[], root: string): string {
  const shown = Array.from(issues.slice(0, MAX_ISSUES), (given) => {
    const issue: Partial<StandardIssue> = typeof given === 'object' && given !== null ? given : {}
    const message = typeof issue.message === 'string' ? issue.message : 'is not valid'
    return `${pathOf(issue.path, root)}: ${message.slice(0, MAX_ISSUE_LENGTH).toWellFormed()}`
  })
  const more = issues.length - shown.length
  return `${shown.length === 0 ? `${root}: is not valid` : shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

function pathOf(segments: unknown, root: string): string {
  let path = root
  for (const segment of Array.isArray(segments) ? (segments as readonly unknown[]) : []) {
    const key = typeof segment === 'object' && segment !== null && 'key' in segment ? segment.key : segment
    path +=
      typeof key === 'number'
        ? `[${key}]`
        : typeof key === 'string' && IDENTIFIER.test(key)
          ? `.${key}`
          : `[${show(key)}]`
  }
  return path
}
