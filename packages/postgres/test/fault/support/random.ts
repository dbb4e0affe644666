/** Chance that can be repeated: every fault schedule is drawn from one seed, printed by the test, given by `Q_SEED`. */

/** Draws numbers from a seed. */
export interface Random {
  readonly seed: number
  /** A whole number from `from` up to and including `to`. */
  int(from: number, to: number): number
  pick<T>(items: readonly T[]): T | undefined
}

/** The seed of `Q_SEED`, or a new one. */
export function seeded(): Random {
  const given = process.env['Q_SEED']
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
  let state = seed
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    seed,
    int: (from, to) => from + Math.floor(next() * (to - from + 1)),
    pick: (items) => items[Math.floor(next() * items.length)],
  }
}
