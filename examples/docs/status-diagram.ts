/** The diagram of docs/concept/lifecycle.md, made from the legal steps between statuses. */
import { isFinal, STATUSES, TRANSITIONS } from '@q/core'

/** A mermaid state diagram: what is claimed once starts as `pending`, what is final ends. */
export function statusDiagram(): string {
  const steps = STATUSES.flatMap((from) => TRANSITIONS[from].map((to) => `  ${from} --> ${to}`))
  const ends = STATUSES.filter(isFinal).map((status) => `  ${status} --> [*]`)
  return `${['stateDiagram-v2', '  [*] --> pending', ...steps, ...ends].join('\n')}\n`
}
