/** A run as it is started, with the steps of its entries. */
import { type Encoded, type Metadata, type NewRun, type RunId, type TaskId, toMs } from '@q/core'
import type { Graph } from '../graph/graph.ts'
import { deadlineTask } from './control.ts'
import { NOW, stepTask } from './frame.ts'
import { encodeRef } from './refs.ts'

/** What a run is started with. */
export interface RunStart {
  readonly id: RunId
  readonly queue: string
  readonly priority: number
  readonly metadata: Metadata | null
  readonly input: unknown
  /** The queue's codec; `null` for nothing. */
  readonly encode: (value: unknown) => Encoded | null
  readonly key?: string
  readonly deadlineMs?: number
  readonly parent?: { readonly run: RunId; readonly task: TaskId }
  /** Nodes to start at instead of the entries; each is given the input. */
  readonly at?: readonly string[]
}

/** @throws QError `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`; what a delay of the user's throws. */
export function newRun(graph: Graph, start: RunStart): NewRun {
  const { id, queue, priority, metadata, input, encode, key, parent } = start
  const frame = { run: id, queue, priority, metadata }
  const payload = encode(input) ?? encodeRef({ kind: 'nothing' })
  const deadlineMs = start.deadlineMs ?? graph.deadlineMs
  const entries = (start.at ?? graph.entries).map((name) => {
    const node = graph.nodes.get(name)!
    const { delay } = node
    const due =
      delay === null ? NOW : { afterMs: 'ms' in delay ? delay.ms : toMs(delay.of(input), `delay before "${name}"`) }
    return stepTask(frame, node, 0, payload, due)
  })
  return {
    id,
    queue,
    workflow: graph.name,
    version: graph.version,
    hash: graph.hash,
    input: payload,
    key: key ?? null,
    metadata,
    deadline: deadlineMs === null ? null : { afterMs: deadlineMs },
    parent: parent ?? null,
    tasks: deadlineMs === null ? entries : [...entries, deadlineTask(frame, deadlineMs)],
  }
}
