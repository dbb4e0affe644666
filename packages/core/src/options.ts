/**
 * Checks option objects at the place where they are given: unknown names get a suggestion, wrong
 * values a sentence. Public, so that backends answer in the same words.
 */
import { QError } from './error.ts'
import { show } from './show.ts'

/** What others call an option, and what it may be called here. */
const SYNONYMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['attempts', ['maxAttempts']],
  ['delay', ['runAfter', 'wait', 'retryAfter']],
  ['max', ['limit']],
  ['concurrency', ['limit']],
  ['interval', ['per']],
  ['window', ['per']],
  ['threshold', ['failureThreshold']],
  ['resetTimeout', ['recoveryTimeout']],
])
/** Largest edit distance that still counts as a slip of the pen. */
const CLOSE = 2

/**
 * Throws for any own key of `options` that is not in `known`.
 * @param where Names the thing the options belong to, such as `PostgresStorage`.
 * @throws QError `ERR_OPTION`: `PostgresStorage: unknown option "quue", did you mean "queue"?`
 */
export function checkKnownOptions(where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new QError(
      'ERR_OPTION',
      `${where}: options must be an object, got ${options === null ? 'null' : typeof options}.`,
    )
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    const near = didYouMean(key, known)
    throw new QError(
      'ERR_OPTION',
      `${where}: unknown option "${key.slice(0, 60)}"${near === undefined ? `. Known: ${known.join(', ')}.` : `, did you mean "${near}"?`}`,
    )
  }
}

/**
 * Returns a whole number within bounds, or throws.
 * @throws QError `ERR_OPTION`: `WorkerBuilder: concurrency must be a whole number from 1 to 10000, got 0.`
 */
export function checkInteger(where: string, name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw new QError('ERR_OPTION', `${where}: ${name} must be a whole number from ${min} to ${max}, got ${show(value)}.`)
}

/**
 * Returns a number within bounds, or throws.
 * @throws QError `ERR_OPTION`: `exponential: jitter must be a number from 0 to 1, got 2.`
 */
export function checkNumber(where: string, name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  throw new QError('ERR_OPTION', `${where}: ${name} must be a number from ${min} to ${max}, got ${show(value)}.`)
}

/** The known word that others call by the one given, or the nearest to it, if it is near enough to be a slip. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const synonym = SYNONYMS.get(word)?.find((each) => known.includes(each))
  if (synonym !== undefined) return synonym
  const lower = word.toLowerCase()
  let best: string | undefined
  let bestDistance = CLOSE + 1
  for (const candidate of known) {
    const distance = editDistance(lower, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > CLOSE) return CLOSE + 1
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    previous = row
  }
  return previous[b.length]!
}
