/** Before a new build goes out: which runs under way it could not go on with. */
import type { RunInfo } from '@q/core'
import { isControl } from '../engine/control.ts'
import { Library } from '../engine/library.ts'
import type { Graph } from '../graph/graph.ts'
import { storedSteps } from './steps.ts'
import { hostOf, type RunStore } from './store.ts'

/** A run that this build could not go on with. */
export interface Stranded {
  readonly run: RunInfo
  /** Nodes at which it is and which this build does not know, by name or alias; none when it does not know the workflow. */
  readonly nodes: readonly string[]
}

/**
 * Looks at every run of a queue that has not ended: does this build know its workflow, and each node at which it is? What it does not
 * know would be put off until a build comes that does. Give such nodes `aliases`, or keep the workflow until its runs have ended.
 * @throws QError `ERR_NOT_SUPPORTED`, `ERR_BACKEND_UNAVAILABLE`
 */
export async function* findStranded<Tx = never>(
  store: RunStore<Tx>,
  workflows: readonly { readonly graph: Graph }[],
): AsyncGenerator<Stranded, void, void> {
  const { runs, queue } = hostOf(store)
  const library = new Library(workflows.map(({ graph }) => graph))
  for (const status of ['running', 'failing', 'cancelling'] as const) {
    let cursor: string | null | undefined = undefined
    do {
      const page: Awaited<ReturnType<typeof runs.listRuns>> = await runs.listRuns(
        { queue, status },
        { limit: 200, ...(cursor === undefined ? {} : { cursor }) },
      )
      for (const run of page.items) {
        const unknown = new Set<string>()
        let known = true
        for await (const { step } of storedSteps(runs, run.id, { unfinished: true })) {
          const found = library.find({ ...step!, workflow: run.workflow })
          if (found === undefined) known = false
          else if (found.node === undefined && !isControl(step!.node)) unknown.add(step!.node)
        }
        if (!known || unknown.size > 0) yield { run, nodes: [...unknown] }
      }
      cursor = page.next
    } while (cursor !== null)
  }
}
