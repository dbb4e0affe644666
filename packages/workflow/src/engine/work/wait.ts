/**
 * A wait: looks whether its condition holds, and if not goes away until a message comes or its time does.
 *
 * It takes no message that it does not need: it looks at what there is, and receives only what the branches that hold are
 * made of. What it has not received stays for whoever waits for it next.
 *
 * Times are the store's: a span counts from when the step was due for the first time, and has passed when the step is due
 * again at its end or later.
 */
import { AbortError, type Message, type ProgramContext, required } from '@q/core'
import type { Condition, Signal } from '../../build/wait.ts'
import type { GraphNode, Work } from '../../graph/graph.ts'
import type { Host } from '../host.ts'
import { outcome } from '../outcome.ts'
import { asValue } from './step.ts'

/** Times are stored in parts of a millisecond. */
const CLOSE_MS = 1

/**
 * @throws QError `ERR_NOT_SUPPORTED`; `ERR_ABORT` when a message does not fit: it is lost, and a retry of the run waits for the next.
 */
export async function runWait(
  host: Host,
  _node: GraphNode,
  work: Extract<Work, { kind: 'wait' }>,
  ctx: ProgramContext,
  input: unknown,
): Promise<unknown> {
  const condition = work.for(await asValue(input))
  const names = signalsOf(condition)
  const since = await startOf(ctx, condition)
  const now = ctx.task.runAt + CLOSE_MS
  const look = (messages: readonly Message[]): Look => ({ found: byName(messages), since, now })
  for (;;) {
    const seen = look(names.length === 0 ? [] : await required(host.backend, 'signal').peek(ctx.task, names))
    const used = evaluate(condition, seen)?.used
    if (used === undefined) {
      const times = timersOf(condition)
        .map((ms) => since + ms)
        .filter((at) => at > now)
      return outcome({
        kind: 'park',
        names: names.filter((name) => !seen.found.has(name)),
        until: times.length === 0 ? null : Math.min(...times),
      })
    }
    const messages =
      used.length === 0 ? [] : await required(host.backend, 'signal').receive(ctx.task, [...new Set(used)])
    const taken = look(messages)
    const held = evaluate(condition, taken)
    // Otherwise another step was given one of them first.
    if (held !== undefined) return valueOf(host, ctx, held, taken.found)
  }
}

interface Look {
  readonly found: ReadonlyMap<string, Message>
  readonly since: number
  readonly now: number
}

/** That a condition holds: by which signals, and what its value is made of them. */
interface Held {
  readonly used: readonly string[]
  readonly value: (read: (signal: Signal<unknown>) => unknown) => unknown
}

/** Whether the condition holds, and by what. */
function evaluate(condition: Condition, look: Look): Held | undefined {
  switch (condition.kind) {
    case 'signal':
      return look.found.has(condition.name) ? { used: [condition.name], value: (read) => read(condition) } : undefined
    case 'timer':
      return look.now >= look.since + condition.ms ? { used: [], value: () => undefined } : undefined
    case 'any': {
      for (const [by, each] of Object.entries(condition.of)) {
        const held = evaluate(each, look)
        if (held !== undefined) return { used: held.used, value: (read) => ({ by, value: held.value(read) }) }
      }
      return undefined
    }
    case 'all': {
      const all = Object.entries(condition.of).map(([name, each]) => [name, evaluate(each, look)] as const)
      if (all.some(([, held]) => held === undefined)) return undefined
      return {
        used: all.flatMap(([, held]) => held!.used),
        value: (read) => Object.fromEntries(all.map(([name, held]) => [name, held!.value(read)])),
      }
    }
  }
}

/** @throws QError `ERR_ABORT` when a message does not fit; it is gone then. */
async function valueOf(host: Host, ctx: ProgramContext, held: Held, found: Look['found']): Promise<unknown> {
  const bad: string[] = []
  let reason: unknown
  const value = held.value((signal) => {
    try {
      return signal.parse(host.values.decode(found.get(signal.name)!.payload))
    } catch (error) {
      if (bad.length === 0) reason = error
      bad.push(signal.name)
      return undefined
    }
  })
  if (bad.length === 0) return value
  await required(host.backend, 'signal').discard(ctx.task, bad)
  throw new AbortError(reason)
}

function byName(messages: readonly Message[]): ReadonlyMap<string, Message> {
  return new Map(messages.map((message) => [message.name, message]))
}

function signalsOf(condition: Condition): string[] {
  if (condition.kind === 'signal') return [condition.name]
  return condition.kind === 'timer' ? [] : [...new Set(Object.values(condition.of).flatMap(signalsOf))]
}

function timersOf(condition: Condition): number[] {
  if (condition.kind === 'timer') return [condition.ms]
  return condition.kind === 'signal' ? [] : Object.values(condition.of).flatMap(timersOf)
}

/** When the step was due for the first time. Only times need it, and only they have it stored. */
async function startOf(ctx: ProgramContext, condition: Condition): Promise<number> {
  const { runAt, checkpoint } = ctx.task
  if (timersOf(condition).length === 0) return runAt
  if (checkpoint !== null) return Number(new TextDecoder().decode(checkpoint))
  await ctx.progress(new TextEncoder().encode(String(runAt)))
  return runAt
}
