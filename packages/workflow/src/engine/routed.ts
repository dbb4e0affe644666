/** What a route chose. Its own class, so that a text that a step returns is never taken for a choice. */
import type { Encoded } from '@q/core'

/** A label, and what is handed on instead of it. */
export class Routed {
  readonly label: string
  readonly hand: Encoded | undefined
  /** What `hand` stands for: delays are made of it. */
  readonly value: unknown

  constructor(label: string, hand: Encoded | undefined, value: unknown) {
    this.label = label
    this.hand = hand
    this.value = value
  }
}
