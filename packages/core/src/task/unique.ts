/**
 * At most one task of a kind at a time: as users write it, turned into the one `Uniqueness` that stores know.
 *
 * Debounce and throttle are two settings of the same thing: the one replaces what waits, the other keeps it.
 */
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { QError } from '../error.ts'
import { checkKnownOptions } from '../options.ts'
import { show } from '../show.ts'
import { isStorable } from './metadata-check.ts'
import type { Due, Uniqueness, UniqueWhile } from './task.ts'

/** The longest key, in characters. */
export const MAX_KEY_LENGTH = 200

/** One task per key and queue at a time. */
export interface UniqueOptions {
  /** 1 to 200 characters, in a name space apart from the idempotency `key`. */
  readonly key: string
  /** How long a task keeps others out: `waiting` until an attempt starts, `unfinished` (default) until it ended. */
  readonly while?: UniqueWhile
  /** Also this long after its push, whatever became of it. Default: no longer than `while`. */
  readonly for?: Duration
  /**
   * What a push does that is kept out: `keep` (default) leaves the task that is there, `replace` gives it what this push
   * brings, as long as it waits.
   */
  readonly otherwise?: 'keep' | 'replace'
}

/** Runs once the key was quiet for `wait`, with what was pushed last. Sets the task's time. */
export interface DebounceOptions {
  readonly key: string
  /** Counted anew from each push, by the store's clock. At least 1 ms. */
  readonly wait: Duration
}

/** Stores at most one task of the key per span; the first stands, the others are duplicates. */
export interface ThrottleOptions {
  readonly key: string
  /** Counted from the push that was stored, by the store's clock. At least 1 ms. */
  readonly per: Duration
}

/** The ways to say it; at most one of them. */
export interface UniquenessOptions {
  readonly unique?: string | UniqueOptions
  readonly debounce?: DebounceOptions
  readonly throttle?: ThrottleOptions
  readonly runAt?: unknown
  readonly runAfter?: unknown
}

/** What stores are told, and when a debounced task is due. */
export interface CheckedUniqueness {
  readonly unique: Uniqueness | null
  readonly wait?: Due
}

const NONE: CheckedUniqueness = { unique: null }
const UNIQUE = ['key', 'while', 'for', 'otherwise'] as const satisfies readonly (keyof UniqueOptions)[]

/** @throws QError `ERR_OPTION`, `ERR_DURATION` */
export function checkUniqueness(where: string, options: UniquenessOptions): CheckedUniqueness {
  const { unique, debounce, throttle } = options
  if (unique === undefined && debounce === undefined && throttle === undefined) return NONE
  const given = (['unique', 'debounce', 'throttle'] as const).filter((name) => options[name] !== undefined)
  if (given.length > 1) throw new QError('ERR_OPTION', `${where}: give one of ${given.join(', ')}, not several.`)
  if (unique !== undefined) return { unique: fromUnique(where, typeof unique === 'string' ? { key: unique } : unique) }
  if (debounce !== undefined) return fromDebounce(where, debounce, options)
  checkKnownOptions(`${where}: throttle`, throttle, ['key', 'per'])
  const { key, per } = throttle as ThrottleOptions
  const windowMs = toMs(per, `${where}: throttle.per`, { min: 1 })
  return {
    unique: { key: checkKey(`${where}: throttle.key`, key), while: 'waiting', windowMs, otherwise: 'keep' },
  }
}

function fromUnique(where: string, options: UniqueOptions): Uniqueness {
  checkKnownOptions(`${where}: unique`, options, UNIQUE)
  const { key, while: span = 'unfinished', otherwise = 'keep' } = options
  return {
    key: checkKey(`${where}: unique.key`, key),
    while: oneOf(`${where}: unique.while`, span, ['waiting', 'unfinished']),
    windowMs: options.for === undefined ? 0 : toMs(options.for, `${where}: unique.for`),
    otherwise: oneOf(`${where}: unique.otherwise`, otherwise, ['keep', 'replace']),
  }
}

function fromDebounce(where: string, debounce: DebounceOptions, options: UniquenessOptions): CheckedUniqueness {
  checkKnownOptions(`${where}: debounce`, debounce, ['key', 'wait'])
  if (options.runAt !== undefined || options.runAfter !== undefined)
    throw new QError('ERR_OPTION', `${where}: debounce sets the time of the task; leave out runAt and runAfter.`)
  return {
    unique: {
      key: checkKey(`${where}: debounce.key`, debounce.key),
      while: 'waiting',
      windowMs: 0,
      otherwise: 'replace',
    },
    wait: { afterMs: toMs(debounce.wait, `${where}: debounce.wait`, { min: 1 }) },
  }
}

/**
 * A key that every store can keep.
 * @param what Names it: `push: key`.
 * @throws QError `ERR_OPTION`
 */
export function checkKey(what: string, key: unknown): string {
  if (typeof key !== 'string' || key.length === 0 || key.length > MAX_KEY_LENGTH || !isStorable(key)) {
    throw new QError(
      'ERR_OPTION',
      `${what} must be 1 to ${MAX_KEY_LENGTH} characters without NUL or lone surrogates, got ${typeof key === 'string' ? `${key.length} characters` : typeof key}. Hash longer keys.`,
    )
  }
  return key
}

function oneOf<Word extends string>(what: string, word: unknown, words: readonly Word[]): Word {
  const found = words.find((each) => each === word)
  if (found !== undefined) return found
  throw new QError('ERR_OPTION', `${what} must be ${words.map((each) => `"${each}"`).join(' or ')}, got ${show(word)}.`)
}
