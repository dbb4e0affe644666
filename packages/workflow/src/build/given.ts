/** What nodes are given to work with, where users have a choice of form. */
import { QError } from '@q/core'
import type { ChildWorkflow } from '../graph/graph.ts'
import { type Condition, isCondition } from './wait.ts'

/**
 * A workflow, or a function that returns it, which is called when it is needed.
 * @throws QError `ERR_OPTION`, also when it is called.
 */
export function childOf(where: string, workflow: ChildWorkflow | (() => ChildWorkflow)): () => ChildWorkflow {
  if (typeof workflow !== 'function') {
    if (isWorkflow(workflow)) return () => workflow
    throw new QError('ERR_OPTION', `${where}: child() takes a workflow, or a function that returns one.`)
  }
  return () => {
    const given: unknown = workflow()
    if (isWorkflow(given)) return given
    throw new QError('ERR_OPTION', `${where}: the function given to child() returned no workflow.`)
  }
}

/**
 * A condition, or a function that makes one of the input.
 * @throws QError `ERR_OPTION`, also when it is called.
 */
export function conditionOf(
  where: string,
  condition: Condition | ((input: unknown) => Condition),
): (input: unknown) => Condition {
  const check = (given: unknown): Condition => {
    if (isCondition(given)) return given
    throw new QError('ERR_OPTION', `${where}: waitFor() takes a condition, such as signal("paid") or timer("1h").`)
  }
  if (typeof condition === 'function') return (input) => check(condition(input))
  const checked = check(condition)
  return () => checked
}

/** A state to begin with: a new one each time, since whoever gets it may change it. */
export function initialOf(initial: unknown): () => unknown {
  return typeof initial === 'function' ? (initial as () => unknown) : () => structuredClone(initial)
}

/** Asking for the graph of one that is still being defined would be too early. */
function isWorkflow(value: unknown): value is ChildWorkflow {
  return typeof value === 'object' && value !== null && 'graph' in value
}
