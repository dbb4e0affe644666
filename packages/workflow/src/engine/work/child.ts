/**
 * A child: starts a run of another workflow with its own settlement, and goes away until that run has ended.
 *
 * A step that lives again after a retry of its run starts a run of its own again: how the one before ended is over.
 */
import { AbortError, childMessage, type ProgramContext, QError } from '@q/core'
import type { GraphNode, Work } from '../../graph/graph.ts'
import { childRunId } from '../../ids.ts'
import { frameOf } from '../frame.ts'
import type { Host } from '../host.ts'
import { newRun } from '../new-run.ts'
import { outcome } from '../outcome.ts'
import { asValue } from './step.ts'

/** @throws QError `ERR_ABORT` when the child failed or was cancelled. */
export async function runChild(
  host: Host,
  { name }: GraphNode,
  work: Extract<Work, { kind: 'child' }>,
  ctx: ProgramContext,
  input: unknown,
): Promise<unknown> {
  const { run } = ctx.task.step!
  const parent = await host.runs.fetchRun(run)
  const id = childRunId(ctx.taskId, parent?.retries ?? 0)
  const child = await host.runs.fetchRun(id)
  const wait = { kind: 'park', names: [childMessage(id)], until: null } as const
  if (child === null) {
    const { graph } = work.of()
    const { priority, metadata } = frameOf(ctx.task)
    const start = newRun(graph, {
      id,
      queue: host.queue,
      priority,
      metadata,
      input: work.input(await asValue(input)),
      encode: (value) => host.values.encode(value),
      parent: { run, task: ctx.taskId },
    })
    return outcome({ ...wait, start: [start] })
  }
  if (child.status === 'done') return host.values.decode(child.output)
  if (child.status !== 'failed' && child.status !== 'cancelled') return outcome(wait)
  throw new AbortError(
    new QError(
      'ERR_TASK_FAILED',
      `The run ${id} of "${child.workflow}", which node "${name}" started, ended as ${child.status}: ${child.error?.message ?? 'no reason given'}`,
    ),
  )
}
