/** Finds what a structured clone refuses, so that the error can name it. */

/** How deep to look, and how many entries in all: this runs on values that failed already. */
const MAX_DEPTH = 20
const MAX_LOOKS = 10_000

/** Where the first value is that cannot be cloned, as `args.photo.toBuffer`, and what it is. */
export function uncloneable(value: unknown, root: string): { readonly path: string; readonly what: string } {
  let path = root
  let at = value
  let looks = 0
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const inner = entries(at).find(([, each]) => ++looks < MAX_LOOKS && !clones(each))
    if (inner === undefined) break
    path += inner[0]
    at = inner[1]
  }
  return { path, what: kindOf(at) }
}

function entries(value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return []
  if (value instanceof Map) return [...value].map(([key, each]) => [`.get(${String(key)})`, each])
  if (value instanceof Set) return [...value].map((each, index) => [`[${index}]`, each])
  if (Array.isArray(value)) return value.map((each: unknown, index) => [`[${index}]`, each])
  return Object.keys(value).map((key) => [`.${key}`, (value as Record<string, unknown>)[key]])
}

function clones(value: unknown): boolean {
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}

function kindOf(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  const name = typeof value === 'object' && value !== null ? value.constructor?.name : undefined
  return name === undefined || name === 'Object' || name === 'Array' ? 'a value' : `an instance of ${name}`
}
