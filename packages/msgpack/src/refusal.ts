/**
 * What MessagePack would change or drop without a word, found and named before it is written.
 *
 * Kinds are told by their exact prototype: of a subclass neither the class nor what it added comes back.
 */

/** Kinds that are written as a whole. */
const WHOLE: ReadonlySet<unknown> = new Set<unknown>([
  Date.prototype,
  RegExp.prototype,
  ArrayBuffer.prototype,
  DataView.prototype,
  Int8Array.prototype,
  Uint8Array.prototype,
  Uint8ClampedArray.prototype,
  Int16Array.prototype,
  Uint16Array.prototype,
  Int32Array.prototype,
  Uint32Array.prototype,
  Float32Array.prototype,
  Float64Array.prototype,
  BigInt64Array.prototype,
  BigUint64Array.prototype,
])
/** A message names at most this much of a path. */
const MAX_PATH = 200

/** Where and what the first thing is that would not come back as it is; undefined when all would. */
export function refusal(value: unknown): string | undefined {
  return search(value, '$', new Set())
}

function search(value: unknown, path: string, seen: Set<object>): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? undefined : say(path, 'a lone surrogate')
    case 'function':
    case 'symbol':
      return say(path, `a ${typeof value}`)
    case 'object':
      if (value === null || seen.has(value)) return undefined
      seen.add(value)
      return searchObject(value, path, seen)
    default:
      return undefined
  }
}

function searchObject(value: object, path: string, seen: Set<object>): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (WHOLE.has(prototype)) return searchWhole(value, path)
  if (prototype === Array.prototype) return searchArray(value as readonly unknown[], path, seen)
  if (prototype === Map.prototype) return searchMap(value as ReadonlyMap<unknown, unknown>, path, seen)
  if (prototype === Set.prototype) return searchSet(value as ReadonlySet<unknown>, path, seen)
  if (prototype === null || prototype === Object.prototype) return searchPlain(value, path, seen)
  return say(path, `a ${nameOf(value)}`)
}

function searchWhole(value: object, path: string): string | undefined {
  // The elements of a typed array are keys too, and there may be millions: what was added to one is not looked for.
  if (ArrayBuffer.isView(value)) return undefined
  if (value instanceof RegExp && value.lastIndex !== 0) return say(path, 'a RegExp that stands in the middle of a text')
  return added(value, path, value instanceof RegExp ? 1 : 0)
}

function searchArray(value: readonly unknown[], path: string, seen: Set<object>): string | undefined {
  for (let index = 0; index < value.length; index++) {
    if (!(index in value)) return say(`${path}[${index}]`, 'a hole')
    const found = search(value[index], `${path}[${index}]`, seen)
    if (found !== undefined) return found
  }
  return added(value, path, value.length + 1)
}

function searchMap(value: ReadonlyMap<unknown, unknown>, path: string, seen: Set<object>): string | undefined {
  for (const [key, item] of value) {
    const found = search(key, `${path}.key`, seen) ?? search(item, `${path}.get(…)`, seen)
    if (found !== undefined) return found
  }
  return added(value, path, 0)
}

function searchSet(value: ReadonlySet<unknown>, path: string, seen: Set<object>): string | undefined {
  for (const item of value) {
    const found = search(item, `${path}.item`, seen)
    if (found !== undefined) return found
  }
  return added(value, path, 0)
}

function searchPlain(value: object, path: string, seen: Set<object>): string | undefined {
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === 'symbol') return say(path, 'a key that is a symbol')
    if (key === '__proto__') return say(path, 'a key named "__proto__"')
    if (!key.isWellFormed()) return say(path, 'a key with a lone surrogate')
    if (!Object.prototype.propertyIsEnumerable.call(value, key)) return say(`${path}.${key}`, 'a hidden property')
    const found = search((value as Record<string, unknown>)[key], `${path}.${key}`, seen)
    if (found !== undefined) return found
  }
  return undefined
}

/** @param own How many properties it has by itself. They come first. */
function added(value: object, path: string, own: number): string | undefined {
  const keys = Reflect.ownKeys(value)
  return keys.length > own ? say(path, `the property ${String(keys.at(-1))} of a ${nameOf(value)}`) : undefined
}

function nameOf(value: object): string {
  const { constructor } = value as { readonly constructor?: { readonly name?: unknown } }
  return typeof constructor?.name === 'string' && constructor.name !== '' ? constructor.name : 'class instance'
}

function say(path: string, what: string): string {
  return `${path.slice(0, MAX_PATH)}: ${what} does not come back from MessagePack as it is.`
}
