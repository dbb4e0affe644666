/**
 * When a node runs of which several lead to it: the rules, as pure functions of how those ended.
 *
 * The store counts arrivals and opens a join once ({@link opensAt}); whether the node then runs or is passed over is
 * decided by whoever holds its task ({@link verdictOf}).
 */
import type { Arrival } from '@q/core'
import type { JoinRule } from './graph.ts'

/** How what leads to a node stands. A node that ended in a way that an edge is not meant for is `skipped` there. */
export type EdgeState = 'done' | 'failed' | 'skipped'

/**
 * Whether a node runs.
 * @param states One for each edge to it. Those that have not ended when the join opens count as `skipped`.
 */
export function verdictOf(rule: JoinRule, states: readonly EdgeState[]): 'run' | 'skip' {
  const done = count(states, 'done')
  switch (rule.kind) {
    case 'one':
    case 'anyOf':
      return verdict(done > 0)
    case 'all':
      return verdict(done === states.length)
    case 'allDone':
      return 'run'
    case 'noneFailed':
      return verdict(done > 0 && count(states, 'failed') === 0)
    case 'nOf':
      return verdict(done >= rule.n)
  }
}

/**
 * At which counts a join opens.
 * @param edges How many lead to it.
 */
export function opensAt(rule: JoinRule, edges: number): Arrival['opens'] {
  switch (rule.kind) {
    case 'anyOf':
      return { arrived: edges, done: 1 }
    case 'nOf':
      return { arrived: edges, done: rule.n }
    case 'one':
    case 'all':
    case 'allDone':
    case 'noneFailed':
      return { arrived: edges }
  }
}

function count(states: readonly EdgeState[], wanted: EdgeState): number {
  return states.reduce((sum, state) => sum + (state === wanted ? 1 : 0), 0)
}

function verdict(run: boolean): 'run' | 'skip' {
  return run ? 'run' : 'skip'
}
