/** What a run can wait for, as values: signals and time, and any or all of several. Waiting holds no slot. */
import { type Duration, isStandardSchema, QError, type StandardSchemaV1, toMs, validate } from '@q/core'

/** Something to wait for. What it gives is its {@link ResultOf}. */
export type Condition = Signal<unknown> | Timer | AnyOf<Conditions> | AllOf<Conditions>

/** Several, by names of the caller's choice. */
export interface Conditions {
  readonly [name: string]: Condition
}

/** A message from outside, by its name. */
export interface Signal<Payload> {
  readonly kind: 'signal'
  readonly name: string
  /** The payload as its schema gives it. @throws QError `ERR_INVALID` */
  readonly parse: (payload: unknown) => Payload
}

/** A span of time from the moment the run comes to wait. */
export interface Timer {
  readonly kind: 'timer'
  readonly ms: number
}

/** The first of several. Messages for the others stay for later waits. */
export interface AnyOf<Of extends Conditions> {
  readonly kind: 'any'
  readonly of: Of
}

/** All of several. */
export interface AllOf<Of extends Conditions> {
  readonly kind: 'all'
  readonly of: Of
}

/**
 * What a condition gives once it holds: the payload of a signal; nothing for a timer; of `any` which one it was, and what
 * that gives; of `all` what each gives, by name.
 */
export type ResultOf<C> =
  C extends Signal<infer Payload>
    ? Payload
    : C extends Timer
      ? undefined
      : C extends AnyOf<infer Of>
        ? { [Name in keyof Of & string]: { readonly by: Name; readonly value: ResultOf<Of[Name]> } }[keyof Of & string]
        : C extends AllOf<infer Of>
          ? { readonly [Name in keyof Of]: ResultOf<Of[Name]> }
          : never

const MAX_SIGNAL_NAME = 200

/**
 * A signal that somebody sends to the run, before or while it waits for it.
 * @param schema Checks what was sent; one that does not fit fails the step for good and is lost; a retry of the run waits for the next.
 * @throws QError `ERR_OPTION`
 */
export function signal<Payload = unknown>(name: string, schema?: StandardSchemaV1<unknown, Payload>): Signal<Payload> {
  if (typeof name !== 'string' || name.length === 0 || name.length > MAX_SIGNAL_NAME || name.startsWith('$'))
    throw new QError(
      'ERR_OPTION',
      `signal: the name must be 1 to ${MAX_SIGNAL_NAME} characters and not start with "$", got ${typeof name === 'string' ? `"${name.slice(0, 60)}"` : typeof name}.`,
    )
  if (schema !== undefined && !isStandardSchema(schema))
    throw new QError(
      'ERR_OPTION',
      `signal "${name}": the schema must be a Standard Schema, such as one of zod or valibot.`,
    )
  const parse = (payload: unknown): Payload =>
    schema === undefined ? (payload as Payload) : validate(schema, payload, `signal "${name}"`, 'payload')
  return { kind: 'signal', name, parse }
}

/**
 * A span of time, counted from when the run comes to wait.
 * @throws QError `ERR_DURATION`
 */
export function timer(span: Duration): Timer {
  return { kind: 'timer', ms: toMs(span, 'timer') }
}

/**
 * Whichever comes first.
 *
 * ```ts
 * .waitFor('approval', any({ answer: signal<Answer>('answer'), late: timer('3d') }))
 * .andThen('go on', async (it) => (it.by === 'answer' ? it.value : undefined))
 * ```
 * @throws QError `ERR_OPTION`
 */
export function any<const Of extends Conditions>(of: Of): AnyOf<Of> {
  return { kind: 'any', of: checkConditions('any', of) }
}

/**
 * All of them, in whatever order they come.
 * @throws QError `ERR_OPTION`
 */
export function all<const Of extends Conditions>(of: Of): AllOf<Of> {
  return { kind: 'all', of: checkConditions('all', of) }
}

/** Whether it is one. */
export function isCondition(value: unknown): value is Condition {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false
  return value.kind === 'signal' || value.kind === 'timer' || value.kind === 'any' || value.kind === 'all'
}

function checkConditions<Of extends Conditions>(where: string, of: Of): Of {
  if (typeof of !== 'object' || of === null || Object.keys(of).length === 0)
    throw new QError(
      'ERR_OPTION',
      `${where}: takes an object with one condition at least, such as { answer: signal("answer") }.`,
    )
  for (const [name, condition] of Object.entries(of))
    if (!isCondition(condition))
      throw new QError('ERR_OPTION', `${where}: "${name}" must be a condition: signal(), timer(), any() or all().`)
  return of
}
