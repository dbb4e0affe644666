/**
 * Why a value is not JSON, where in it, and what to do instead.
 *
 * The writer throws a `Refusal` at the place of the mistake; every container on the way out adds its
 * key, so that the path costs nothing while all is well.
 */

/** One step from a container to what it holds. */
interface Step {
  readonly container: object
  readonly key: string | number
}

/** Thrown inside the JSON writer only; `describeRefusal` turns it into a sentence. */
export class Refusal extends Error {
  /** From the inside out. */
  readonly #steps: Step[] = []

  /** As `instanceof`, which would run the traps of a thrown Proxy. */
  static is(thrown: unknown): thrown is Refusal {
    return typeof thrown === 'object' && thrown !== null && #steps in thrown
  }

  add(container: object, key: string | number): void {
    this.#steps.push({ container, key })
  }

  /** From the outside in. */
  get steps(): readonly Step[] {
    return this.#steps.toReversed()
  }
}

/** The refusal with one more step of its path; anything else that was thrown came from reading the value. */
export function within(thrown: unknown, container: object, key: string | number | undefined): Refusal {
  const refusal = Refusal.is(thrown) ? thrown : unreadable(thrown)
  if (key !== undefined) refusal.add(container, key)
  return refusal
}

/** `$.items[3].price: NaN is not JSON. …` */
export function describeRefusal(thrown: unknown): string {
  const refusal = Refusal.is(thrown) ? thrown : unreadable(thrown)
  const { steps } = refusal
  const seen = new Map<object, number>()
  for (const [depth, { container }] of steps.entries()) {
    const first = seen.get(container)
    if (first !== undefined) {
      const back = pathOf(steps.slice(0, first))
      return `${pathOf(steps.slice(0, depth))}: refers back to ${back}, and JSON has no cycles. Store an id instead.`
    }
    seen.set(container, depth)
  }
  return `${pathOf(steps)}: ${refusal.message}`
}

/** What to say of a primitive, function or missing value. */
export function notJson(value: unknown): Refusal {
  switch (typeof value) {
    case 'number':
      return new Refusal(`${value} is not JSON. Leave the property out or store null, if that is what it means.`)
    case 'bigint':
      return new Refusal('a BigInt is not JSON. Store it as a string: value.toString(), and BigInt(text) when reading.')
    case 'function':
      return new Refusal('a function is not JSON (and a toJSON method is not called). Pass plain data.')
    case 'symbol':
      return new Refusal('a symbol is not JSON. Store a string.')
    default:
      return new Refusal('undefined is not JSON. Use null; only as a property of an object it means "absent".')
  }
}

/** What to say of an object that is neither a plain object nor a plain array. */
export function notPlain(value: object): Refusal {
  const kind = Object.prototype.toString.call(value).slice(8, -1)
  const name = className(value) ?? kind
  const hint = HINTS[kind] ?? 'pass a plain object with its data'
  return new Refusal(`${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name} is not JSON. To store it, ${hint}.`)
}

const TYPED_ARRAY = 'use Array.from(value), a base64 string, or the `bytes` codec if it is the whole value'

const HINTS: Readonly<Record<string, string>> = {
  Date: 'use value.toISOString(), and new Date(text) when reading',
  Map: 'use Object.fromEntries(value) or [...value]',
  Set: 'use [...value]',
  Error: 'use { name: value.name, message: value.message }',
  Promise: 'await it first',
  RegExp: 'use value.source',
  URL: 'use value.href',
  URLSearchParams: 'use value.toString()',
  String: 'use the plain string',
  Number: 'use the plain number',
  Boolean: 'use the plain boolean',
  Array: 'use [...value]: an array with a class of its own would come back as a plain one',
  ArrayBuffer: TYPED_ARRAY,
  DataView: TYPED_ARRAY,
  Uint8Array: TYPED_ARRAY,
  Uint8ClampedArray: TYPED_ARRAY,
  Uint16Array: TYPED_ARRAY,
  Uint32Array: TYPED_ARRAY,
  Int8Array: TYPED_ARRAY,
  Int16Array: TYPED_ARRAY,
  Int32Array: TYPED_ARRAY,
  Float16Array: TYPED_ARRAY,
  Float32Array: TYPED_ARRAY,
  Float64Array: TYPED_ARRAY,
  BigInt64Array: TYPED_ARRAY,
  BigUint64Array: TYPED_ARRAY,
}

function className(value: object): string | undefined {
  const { constructor } = value
  const name = typeof constructor === 'function' ? constructor.name : undefined
  return typeof name === 'string' && /^[\w$]{1,60}$/.test(name) ? name : undefined
}

function unreadable(thrown: unknown): Refusal {
  let reason = 'something that cannot be shown'
  try {
    reason = thrown instanceof Error ? thrown.message : String(thrown)
  } catch {
    // A hostile value threw a hostile value.
  }
  return new Refusal(`reading it threw: ${reason.slice(0, 200).toWellFormed()}. Pass plain data without accessors.`)
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/
const LONGEST_KEY = 60
const LONGEST_PATH = 300

function pathOf(steps: readonly Step[]): string {
  let path = '$'
  for (const { key } of steps) {
    if (path.length > LONGEST_PATH) return `${path}…`
    if (typeof key === 'number') path += `[${key}]`
    else if (key.length <= LONGEST_KEY && IDENTIFIER.test(key)) path += `.${key}`
    else path += `[${JSON.stringify(key.length > LONGEST_KEY ? `${key.slice(0, LONGEST_KEY)}…` : key)}]`
  }
  return path
}
