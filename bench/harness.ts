/**
 * One way to measure: contenders take turns, round after round, and are compared within a round.
 *
 * The machine may be shared and its speed may drift. Interleaving (A B C, B C A, …) spreads a slow
 * minute over everyone, ratios are taken between runs that lie next to each other, and the median
 * of the rounds forgets the odd one.
 */

/** What one run of one contender measured, by name. */
export type Figures = Readonly<Record<string, number>>

/** Something that can be measured again and again. */
export interface Contender {
  readonly name: string
  /** One line for the report: what it does and what it does not. */
  readonly note: string
  /** Prepares, works at the given size, cleans up; times only the work. */
  readonly run: (size: number) => Promise<Figures>
  /** Instead of the size of the benchmark, for contenders of another speed. */
  readonly size?: number
}

/** All rounds of one contender. */
export interface Series {
  readonly name: string
  readonly note: string
  readonly rounds: readonly Figures[]
}

/** How often and how much. */
export interface Plan {
  readonly size: number
  /** Size of the round that comes first and is forgotten: compilers and caches warm up in it. */
  readonly warmUp: number
  readonly rounds: number
}

/** Measures all contenders in turns. */
export async function interleave(contenders: readonly Contender[], plan: Plan): Promise<Series[]> {
  const rounds = contenders.map((): Figures[] => [])
  for (const contender of contenders) {
    await contender.run(Math.min(plan.warmUp, contender.size ?? plan.size))
  }
  for (let round = 0; round < plan.rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const at = (round + turn) % contenders.length
      const contender = contenders[at]!
      const figures = await contender.run(contender.size ?? plan.size)
      rounds[at]!.push(figures)
      process.stderr.write(`  round ${round + 1}/${plan.rounds} ${contender.name}: ${brief(figures)}\n`)
    }
  }
  return contenders.map(({ name, note }, at) => ({ name, note, rounds: rounds[at]! }))
}

/** A median and what it was taken from. */
export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** One figure over all rounds. */
export function summary(series: Series, figure: string): Summary {
  return summarise(series.rounds.map((figures) => figures[figure] ?? NaN))
}

/**
 * The ratio of a figure of two contenders, taken round by round.
 * @param fair Leaves out rounds of `to` that say nothing. NaN when none is left.
 */
export function ratio(of: Series, to: Series, figure: string, fair: (to: Figures) => boolean = () => true): Summary {
  const ratios = to.rounds.flatMap((limit, round) =>
    fair(limit) ? [(of.rounds[round]?.[figure] ?? NaN) / (limit[figure] ?? NaN)] : [],
  )
  return summarise(ratios)
}

/** Median, smallest and largest of some values. */
export function summarise(values: readonly number[]): Summary {
  return { median: quantile(values, 0.5), min: Math.min(...values), max: Math.max(...values) }
}

/** A quantile (0 to 1), interpolated. NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const below = sorted[Math.floor(at)]
  const above = sorted[Math.ceil(at)]
  if (below === undefined || above === undefined) return NaN
  return below + (above - below) * (at - Math.floor(at))
}

/** The contender of this name. */
export function named(series: readonly Series[], name: string): Series {
  const found = series.find((each) => each.name === name)
  if (found === undefined) throw new Error(`There is no contender "${name}".`)
  return found
}

function brief(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join(', ')
}
