/** What is said of a node besides its work; checked where it is said. */
import {
  checkInteger,
  checkKnownOptions,
  type Duration,
  isQError,
  isStandardSchema,
  MAX_PRIORITY,
  QError,
  type RetryOptions,
  type RetryPolicy,
  retry,
  type StandardSchemaV1,
  toMs,
  validate,
} from '@q/core'
import type { StepContext } from '../engine/context.ts'
import { checkNodeName } from '../graph/check.ts'
import type { MapOptions, NodeOptions, StepSchemas } from '../graph/graph.ts'

/** Options of a whole workflow. */
export interface WorkflowOptions {
  /** For people, at most 100 characters. What tells versions apart is the hash of the graph. */
  readonly version?: string
  /** From the start of a run to when it fails, if it has not ended. Default: none. */
  readonly deadline?: Duration
}

/**
 * Options of every node.
 * @typeParam Input What its handler is given.
 * @typeParam Output What it gives.
 */
export interface NodeSettings<Input, Output> {
  /** How often and when it is tried again. Default: what the worker's `retry()` says. */
  readonly retry?: RetryOptions
  /** The longest one attempt may take. Default: what the worker says. */
  readonly timeout?: Duration
  /** -100 to 100, larger runs first. Default: that of the run. */
  readonly priority?: number
  /** Undoes what the node did, when the run fails or is cancelled after it. Retried like any step. */
  readonly compensate?: (output: Output, ctx: StepContext) => unknown
  /**
   * Names that the node had in earlier versions, the latest first: steps stored under them go on here. The last one, its first
   * name, is what its steps are called in the store, for as long as it is listed.
   */
  readonly aliases?: readonly string[]
  /**
   * Makes an input that another version of the graph left into one of this version. A node that waits for several is given the
   * outputs of all in a run that another version started, whichever version made each.
   */
  readonly migrate?: (input: unknown, from: { readonly version: string | null; readonly hash: string }) => Input
}

/** Options of `andThen`, and of the nodes of a DAG. */
export interface StepOptions<Input, Output> extends NodeSettings<Input, Output> {
  /** Checks what the handler is given, which is then what the schema gives. */
  readonly input?: StandardSchemaV1<unknown, Input>
  /** Checks what it returns; what the schema gives goes on. */
  readonly output?: StandardSchemaV1<unknown, Output>
}

/** Options of `map` and `filterMap`. `retry`, `timeout` and `priority` are of each of its tasks. */
export interface MapSettings<Element> extends Omit<NodeSettings<Element, never>, 'compensate'> {
  /**
   * Elements at work at once over all workers, 1 to 10,000. Default 100. At most 500 where each is a task, and at most as many
   * as 500 slices have.
   */
  readonly concurrency?: number
  /**
   * `element`: a task for each. `slice`: many in one task, where an element that fails becomes a task of its own; until it is
   * over, its slice keeps its share of the concurrency. Default `auto`: slices above 5,000 elements.
   */
  readonly isolate?: 'element' | 'slice' | 'auto'
  /** Elements of one slice, 1 to 500. Default 500; fewer where they are large. What an earlier map left in slices keeps them. */
  readonly sliceSize?: number
  /** How many elements may fail for good before the run does: a number, or a share such as `'5%'`. Default 0. */
  readonly tolerate?: number | `${number}%`
  /** Most elements started per span, over all workers; further tries of one do not count. Default: as many as can be. */
  readonly rate?: { readonly limit: number; readonly per: Duration }
}

/** Options of `repeatUntil`. */
export interface RepeatSettings<State, Output> extends NodeSettings<State, Output> {
  /** The most iterations, 1 to 1,000,000, after which the node fails. Default 1,000. */
  readonly max?: number
  /** From the end of one iteration to the next. Default: at once. */
  readonly every?: Duration
}

/** Options of `waitFor`, where there is nothing to retry and nothing to undo. */
export type WaitSettings<Input> = Pick<NodeSettings<Input, never>, 'priority' | 'aliases' | 'migrate'>

/** Options of `child`. Its steps have options of their own. */
export interface ChildSettings<Input, ChildStart, Output> extends Pick<
  NodeSettings<Input, Output>,
  'priority' | 'compensate' | 'aliases' | 'migrate'
> {
  /** What the child is started with. Default: what the node is given. */
  readonly input?: (value: Input) => ChildStart
}

const WAIT = ['priority', 'aliases', 'migrate'] as const
const PLAIN = ['retry', 'timeout', ...WAIT] as const
const NODE = [...PLAIN, 'compensate'] as const
const STEP = [...NODE, 'input', 'output'] as const
const MAP = [...PLAIN, 'concurrency', 'isolate', 'sliceSize', 'tolerate', 'rate'] as const
const REPEAT = [...NODE, 'max', 'every'] as const

/** Which options a kind of node has. */
export const KNOWN: {
  readonly [
    Kind in 'wait' | 'node' | 'step' | 'map' | 'repeat' | 'child' | 'graphNode' | 'graphRoute'
  ]: readonly string[]
} = {
  wait: WAIT,
  node: NODE,
  step: STEP,
  map: MAP,
  repeat: REPEAT,
  child: [...WAIT, 'compensate', 'input'],
  graphNode: [...STEP, 'join', 'onFailure'],
  graphRoute: [...NODE, 'join', 'labels'],
}

/** Everything that any node may be told, still to be checked. */
export interface AnySettings {
  readonly retry?: unknown
  readonly timeout?: unknown
  readonly priority?: unknown
  readonly onFailure?: unknown
  readonly compensate?: unknown
  readonly aliases?: unknown
  readonly migrate?: unknown
  readonly input?: unknown
  readonly output?: unknown
  readonly concurrency?: unknown
  readonly isolate?: unknown
  readonly sliceSize?: unknown
  readonly tolerate?: unknown
  readonly rate?: unknown
  readonly max?: unknown
  readonly every?: unknown
  readonly labels?: unknown
  readonly join?: unknown
}

/** Names a node in messages. */
export function whereIs(workflow: string, node: string): string {
  return `Workflow "${workflow}": node "${node}"`
}

/** What a node is told besides its work, checked. */
export interface About {
  readonly options: NodeOptions
  readonly aliases: readonly string[]
}

/**
 * The options that every kind of node may have.
 * @throws QError `ERR_OPTION`, `ERR_DURATION`
 */
export function checkAbout(workflow: string, node: string, options: AnySettings, known: readonly string[]): About {
  const where = whereIs(workflow, node)
  checkKnownOptions(where, options, known)
  const { aliases = [] } = options
  if (!Array.isArray(aliases)) throw new QError('ERR_OPTION', `${where}: aliases must be a list of names.`)
  return {
    options: checkNodeOptions(where, options),
    aliases: aliases.map((alias) => checkNodeName(workflow, alias, 'alias')),
  }
}

function checkNodeOptions(where: string, options: AnySettings): NodeOptions {
  const { timeout, priority, onFailure, compensate, migrate } = options
  if (onFailure !== undefined && onFailure !== 'fail' && onFailure !== 'continue')
    throw new QError('ERR_OPTION', `${where}: onFailure must be "fail" or "continue".`)
  return {
    ...(options.retry === undefined ? {} : { retry: checkRetry(where, options.retry) }),
    ...(timeout === undefined ? {} : { timeoutMs: toMs(timeout as Duration, `${where}: timeout`, { min: 1 }) }),
    ...(priority === undefined
      ? {}
      : { priority: checkInteger(where, 'priority', priority, -MAX_PRIORITY, MAX_PRIORITY) }),
    ...(onFailure === undefined ? {} : { onFailure }),
    ...(compensate === undefined
      ? {}
      : { compensate: checkFunction<NonNullable<NodeOptions['compensate']>>(where, 'compensate', compensate) }),
    ...(migrate === undefined
      ? {}
      : { migrate: checkFunction<NonNullable<NodeOptions['migrate']>>(where, 'migrate', migrate) }),
  }
}

/**
 * Checks at the borders of a step; undefined where there are none.
 * @throws QError `ERR_OPTION`
 */
export function checkSchemas(where: string, { input, output }: AnySettings): StepSchemas | undefined {
  if (input === undefined && output === undefined) return undefined
  return {
    ...(input === undefined ? {} : { input: checkSchema(where, 'input', input) }),
    ...(output === undefined ? {} : { output: checkSchema(where, 'output', output) }),
  }
}

function checkSchema(where: string, name: 'input' | 'output', schema: unknown): (value: unknown) => unknown {
  if (!isStandardSchema(schema))
    throw new QError('ERR_OPTION', `${where}: ${name} must be a Standard Schema, such as one of zod or valibot.`)
  return (value) => validate(schema, value, where, name)
}

/** @throws QError `ERR_OPTION`, `ERR_DURATION` */
export function checkMap(where: string, options: AnySettings): MapOptions {
  const { concurrency = 100, isolate = 'auto', sliceSize = 500, tolerate = 0, rate } = options
  if (isolate !== 'element' && isolate !== 'slice' && isolate !== 'auto')
    throw new QError('ERR_OPTION', `${where}: isolate must be "element", "slice" or "auto".`)
  return {
    concurrency: checkInteger(where, 'concurrency', concurrency, 1, 10_000),
    isolate,
    sliceSize: checkInteger(where, 'sliceSize', sliceSize, 1, 500),
    tolerate: checkTolerance(where, tolerate),
    perSecond: rate === undefined ? null : checkRate(where, rate),
  }
}

function checkTolerance(where: string, tolerate: unknown): MapOptions['tolerate'] {
  if (typeof tolerate === 'number' && Number.isInteger(tolerate) && tolerate >= 0) return { count: tolerate }
  const percent = typeof tolerate === 'string' ? /^(\d+(?:\.\d+)?)%$/.exec(tolerate) : null
  if (percent !== null && Number(percent[1]) <= 100) return { share: Number(percent[1]) / 100 }
  throw new QError(
    'ERR_OPTION',
    `${where}: tolerate must be a whole number of elements from 0 on, or a share from "0%" to "100%", got ${typeof tolerate === 'string' ? `"${tolerate.slice(0, 40)}"` : String(tolerate)}.`,
  )
}

function checkRate(where: string, rate: unknown): number {
  checkKnownOptions(`${where}: rate`, rate, ['limit', 'per'])
  const { limit, per } = rate as { readonly limit?: unknown; readonly per?: unknown }
  const ms = toMs(per as Duration, `${where}: rate: per`, { min: 1 })
  return (checkInteger(`${where}: rate`, 'limit', limit, 1, 1_000_000) * 1_000) / ms
}

/** @throws QError `ERR_OPTION`, `ERR_DURATION` */
export function checkRepeat(where: string, { max = 1_000, every }: AnySettings): { max: number; everyMs: number } {
  return {
    max: checkInteger(where, 'max', max, 1, 1_000_000),
    everyMs: every === undefined ? 0 : toMs(every as Duration, `${where}: every`),
  }
}

/** @throws QError `ERR_OPTION`, `ERR_DURATION` */
export function checkWorkflowOptions(
  workflow: string,
  options: WorkflowOptions,
): { readonly version: string | null; readonly deadlineMs: number | null } {
  const where = `Workflow "${workflow}"`
  checkKnownOptions(where, options, ['version', 'deadline'])
  const { version = null, deadline } = options
  if (version !== null && (typeof version !== 'string' || version.length === 0 || version.length > 100))
    throw new QError('ERR_OPTION', `${where}: version must be a text of 1 to 100 characters.`)
  return { version, deadlineMs: deadline === undefined ? null : toMs(deadline, `${where}: deadline`, { min: 1 }) }
}

/** @throws QError `ERR_OPTION` */
export function checkFunction<Type>(where: string, name: string, value: unknown): Type {
  if (typeof value === 'function') return value as Type
  throw new QError('ERR_OPTION', `${where}: ${name} must be a function, got ${value === null ? 'null' : typeof value}.`)
}

/** What core's `retry()` makes of it; it does not know for which node. */
function checkRetry(where: string, options: unknown): RetryPolicy {
  try {
    return retry(options as RetryOptions).retry!
  } catch (error) {
    if (!isQError(error)) throw error
    throw new QError(error.code, `${where}: ${error.message}`, { cause: error })
  }
}
