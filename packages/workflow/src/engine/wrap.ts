/**
 * What is said of a payload beside it: in its tag, so that the value itself is not touched.
 *
 * Only where somebody asks for it: which graph made a value for a node with `migrate`, and which priority those have that
 * come after a node with one of its own.
 */
import type { Encoded } from '@q/core'

/** The graph that a value was made under. */
export interface Origin {
  readonly version: string | null
  readonly hash: string
}

/** What is said of a payload. */
export interface Said {
  readonly origin?: Origin
  /** Of the run, where that of the step is another. */
  readonly priority?: number
}

const WRAP = 'q/of '

/** The payload with what is said of it, in the place of what was. */
export function wrap(payload: Encoded, { origin, priority }: Said): Encoded {
  const bare = unwrap(payload).payload
  if (origin === undefined && priority === undefined) return bare
  const said = [
    origin?.hash ?? '',
    origin === undefined || origin.version === null ? '' : `=${origin.version}`,
    priority === undefined ? '' : String(priority),
  ]
  const tag = said.map((each) => encodeURIComponent(each.toWellFormed())).join(' ')
  return { codec: `${WRAP}${tag} ${bare.codec}`, bytes: bare.bytes }
}

/** The payload itself, and what is said of it. */
export function unwrap(payload: Encoded): { readonly payload: Encoded; readonly said: Said } {
  if (!payload.codec.startsWith(WRAP)) return { payload, said: {} }
  const [hash = '', version = '', priority = '', ...codec] = payload.codec.slice(WRAP.length).split(' ')
  return {
    payload: { codec: codec.join(' '), bytes: payload.bytes },
    said: {
      ...(hash === '' ? {} : { origin: { hash: text(hash), version: version === '' ? null : text(version).slice(1) } }),
      ...(priority === '' ? {} : { priority: Number(priority) || 0 }),
    },
  }
}

function text(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return encoded
  }
}
