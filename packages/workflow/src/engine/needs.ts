/** What a workflow needs of a backend, said when a worker is built and not when the first step fails. */
import { type Backend, required } from '@q/core'
import type { Graph, Work } from '../graph/graph.ts'

const NEEDS: Partial<Record<Work['kind'], 'writePages' | 'signal' | 'transaction'>> = {
  map: 'writePages',
  wait: 'signal',
  child: 'signal',
  tx: 'transaction',
}

/** @throws QError `ERR_NOT_SUPPORTED` naming the capability. */
export function needsOf(graph: Graph, backend: Backend): void {
  required(backend, 'startRuns')
  for (const { work } of graph.nodes.values()) {
    const need = NEEDS[work.kind]
    if (need !== undefined) required(backend, need)
  }
}
