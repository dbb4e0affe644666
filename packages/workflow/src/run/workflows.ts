/** Several workflows on one worker. */
import type { Program } from '@q/core'
import { programOf } from '../engine/program.ts'
import type { Graph } from '../graph/graph.ts'

/**
 * What a worker is built on that runs the steps of several workflows of one queue. Those that they start as children come with them.
 *
 * ```ts
 * new WorkerBuilder('flows').backend(storage).build(workflows(orders, refunds))
 * ```
 * @throws QError `ERR_OPTION` when there is none, or two have one name.
 */
export function workflows(...definitions: readonly { readonly graph: Graph }[]): Program {
  return programOf(definitions.map(({ graph }) => graph))
}
