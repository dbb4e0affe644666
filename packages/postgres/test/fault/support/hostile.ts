/** Values that break whoever looks at them carelessly: thrown by handlers, or returned as results. */

type Misbehave = () => unknown

function thrower(make: () => unknown): Misbehave {
  return () => {
    throw make()
  }
}

function cyclicError(): Error {
  const error = new Error('its cause is itself')
  error.cause = error
  return error
}

function cyclicValue(): object {
  const value: Record<string, unknown> = {}
  value['self'] = value
  return value
}

const explode = (): never => {
  throw new Error('do not look')
}

function proxy(): object {
  const handler = new Proxy({}, { get: () => explode })
  return new Proxy(() => undefined, handler as ProxyHandler<() => void>)
}

function withGetters(): Error {
  const error = new Error('hidden')
  for (const key of ['name', 'message', 'stack', 'code', 'cause', 'constructor'])
    Object.defineProperty(error, key, { get: explode })
  return error
}

function nested(depth: number): unknown {
  let value: unknown = 'bottom'
  for (let at = 0; at < depth; at++) value = [value]
  return value
}

function deepCause(): Error {
  let error = new Error('the first')
  for (let at = 0; at < 10_000; at++) error = new Error('on top', { cause: error })
  return error
}

/** Name → what the handler does. All of them are expected to end as `killed` when the task may run once. */
const CORPUS: Readonly<Record<string, Misbehave>> = {
  'throw undefined': thrower(() => undefined),
  'throw null': thrower(() => null),
  'throw ""': thrower(() => ''),
  'throw NaN': thrower(() => Number.NaN),
  'throw a bigint': thrower(() => 10n ** 40n),
  'throw a symbol': thrower(() => Symbol('why')),
  'throw a function': thrower(() => explode),
  'throw a frozen error': thrower(() => Object.freeze(new Error('cold'))),
  'throw an error with throwing getters': thrower(withGetters),
  'throw a proxy with throwing traps': thrower(proxy),
  'throw a revoked proxy': thrower(() => {
    const { proxy: revoked, revoke } = Proxy.revocable({}, {})
    revoke()
    return revoked
  }),
  'throw an error whose cause is itself': thrower(cyclicError),
  'throw a chain of 10,000 causes': thrower(deepCause),
  'throw an object without a prototype': thrower(() => Object.create(null)),
  'throw an object whose toJSON throws': thrower(() => ({ toJSON: explode, toString: explode })),
  'throw a NUL': thrower(() => new Error('a\0b')),
  'throw a lone surrogate': thrower(() => new Error('a\uD800b')),
  'throw a stack with NUL': thrower(() => Object.assign(new Error('x'), { stack: 'a\0b\uDC00' })),
  'throw a code with NUL': thrower(() => Object.assign(new Error('x'), { code: '\0\uD800' })),
  'throw 20 MB': thrower(() => new Error('x'.repeat(20_000_000))),
  'throw 100,000 lines of stack': thrower(() => Object.assign(new Error('x'), { stack: 'at f\n'.repeat(100_000) })),
  'throw what looks like ours': thrower(() => ({
    code: 'ERR_DEFERRED',
    retryable: true,
    afterMs: Number.NaN,
  })),
  'reject with undefined': () => Promise.reject(),
  'return a thenable that throws': () => ({
    // oxlint-disable-next-line unicorn/no-thenable -- that is the point
    get then(): never {
      return explode()
    },
  }),
  'return a thenable that rejects and throws': () => ({
    // oxlint-disable-next-line unicorn/no-thenable -- that is the point
    then(_: unknown, reject: (error: unknown) => void) {
      reject(null)
      explode()
    },
  }),
  'return a bigint': () => 1n,
  'return a cycle': cyclicValue,
  'return a function': () => explode,
  'return a symbol': () => Symbol('x'),
  'return NaN': () => Number.NaN,
  'return a lone surrogate': () => '\uD800',
  'return an array 5,000 deep': () => nested(5_000),
  'return 2 MB': () => 'x'.repeat(2_000_000),
  'return an object whose toJSON throws': () => ({ toJSON: explode }),
  'return a proxy': () => new Proxy({}, { ownKeys: explode, get: explode }),
}

/** Names, in the order of their numbers. */
export const HOSTILE: readonly string[] = Object.keys(CORPUS)

/** Misbehaves in way number `n`. */
export function throwHostile(n: number): unknown {
  return Object.values(CORPUS)[n]?.()
}
