/**
 * How a middleware that lets only so many attempts through tells its worker before tasks are claimed.
 *
 * A worker claims and starts no more than its gates have room for, so that what would be refused stays in the
 * store, for others or for later. It is a hint: the middleware itself still refuses what is too much.
 */
import type { Clock } from '../clock.ts'

/** Holds tasks back before they are claimed. May be shared by many workers. */
export interface Gate {
  /** How many more attempts may start now; `Infinity` when any number may. */
  room(clock: Clock): number
  /**
   * Calls `changed` when there may be more room than before.
   * @returns Ends it.
   */
  watch(changed: () => void, clock: Clock): () => void
}

/** Those who watch one gate. */
export class Watchers {
  readonly #all = new Set<() => void>()

  get size(): number {
    return this.#all.size
  }

  add(changed: () => void): () => void {
    // A function of its own, so that one who watches twice is told twice and leaves twice.
    const each = (): void => changed()
    this.#all.add(each)
    return () => void this.#all.delete(each)
  }

  tell(): void {
    for (const changed of this.#all) changed()
  }
}

/** The least room of all of them. One that fails holds nothing back: its middleware refuses what is too much. */
export function roomOf(gates: readonly Gate[], clock: Clock): number {
  let least = Infinity
  for (const gate of gates) {
    const room = askRoom(gate, clock)
    if (room < least) least = room
  }
  return least
}

function askRoom(gate: Gate, clock: Clock): number {
  try {
    return gate.room(clock)
  } catch {
    return Infinity
  }
}
