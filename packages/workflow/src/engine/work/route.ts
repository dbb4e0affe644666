/** A route: chooses edges by the label it returns. */
import { AbortError, type ProgramContext, QError } from '@q/core'
import type { GraphNode, Work } from '../../graph/graph.ts'
import { stepContext } from '../context.ts'
import type { Host } from '../host.ts'
import { asValue } from './step.ts'
import { Routed } from '../routed.ts'

/** @throws QError `ERR_ABORT` for a label that the route does not have. */
export async function runRoute(
  _host: Host,
  { name }: GraphNode,
  { run, labels, gives }: Extract<Work, { kind: 'route' }>,
  ctx: ProgramContext,
  input: unknown,
): Promise<unknown> {
  const value = await asValue(input)
  const label = await run(value, stepContext(ctx))
  if (typeof label === 'string' && (labels === null || labels.includes(label)))
    return new Routed(label, gives === 'input' ? ctx.task.payload : undefined, gives === 'input' ? value : label)
  const known = labels === null ? 'a text' : labels.map((each) => `"${each}"`).join(' or ')
  throw new AbortError(
    new QError(
      'ERR_INVALID',
      `Route "${name}" must return ${known}, got ${typeof label === 'string' ? `"${label.slice(0, 80)}"` : typeof label}.`,
    ),
  )
}
