/**
 * What a step carries instead of its input: where to find it, or what the engine is to do.
 *
 * Inputs travel as they are, in the queue's own codec; only what is larger than {@link INLINE_BYTES}, put together of several, or the
 * engine's own goes under the tag `q/ref`, which no codec of a user can have.
 */
import type { Encoded, ErrorRecord, TaskId } from '@q/core'
import { QError } from '@q/core'
import type { CollectionRef } from './collection.ts'
import { unwrap } from './wrap.ts'

/** Larger outputs are referred to, not copied. */
const INLINE_BYTES = 1_024

const REF = 'q/ref'
const COLLECTION = 'q/collection'
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** An instruction of the engine to itself. */
export type Ref =
  /** The input is the output of this step. */
  | { readonly kind: 'output'; readonly of: TaskId }
  /** The input is nothing: `undefined`. */
  | { readonly kind: 'nothing' }
  /** The input is made of the outputs of the nodes that lead here. */
  | { readonly kind: 'join' }
  /** A part of a map, by number. */
  | { readonly kind: 'slice'; readonly map: MapRef; readonly slice: number }
  /** One element of a slice that failed there, by its place in it; with the error if that was final. */
  | {
      readonly kind: 'element'
      readonly map: MapRef
      readonly slice: number
      readonly at: number
      readonly error?: ErrorRecord
      /** Elements of its slice that run by themselves at once, and those that are to follow this one. */
      readonly chains?: number
      readonly rest?: readonly number[]
    }
  /** The end of a map. */
  | { readonly kind: 'mapped'; readonly map: MapRef }
  /** Of a step that ends a run in the place of one whose settlement did not: fail it as this step failed. */
  | { readonly kind: 'failed'; readonly of: TaskId }
  /** Undo these nodes, one after the other; the first is the one of this step. */
  | { readonly kind: 'undo'; readonly nodes: readonly string[]; readonly partial: boolean }

/** A map under way. */
export interface MapRef {
  readonly source: CollectionRef
  readonly slices: number
  /** Most elements of one slice. */
  readonly size: number
  /** Slices at once. */
  readonly window: number
  /** How many elements may fail. */
  readonly tolerated: number
}

/** A ref as a payload. */
export function encodeRef(ref: Ref): Encoded {
  return { codec: REF, bytes: encoder.encode(JSON.stringify(ref)) }
}

/**
 * The ref in a payload, or `undefined` when it is a value.
 * @throws QError `ERR_DECODE` for what only looks like one.
 */
export function decodeRef(given: Encoded): Ref | undefined {
  const { payload } = unwrap(given)
  if (payload.codec !== REF) return undefined
  const ref = parse(payload)
  if (isRef(ref)) return ref
  throw new QError('ERR_DECODE', `A step holds an instruction that is none (codec "${payload.codec}").`)
}

/** A reference to a collection, as a result or a payload. */
export function encodeCollection(ref: CollectionRef): Encoded {
  return { codec: COLLECTION, bytes: encoder.encode(JSON.stringify(ref)) }
}

/** The reference, or `undefined` when it is a value. */
export function decodeCollection(value: Encoded): CollectionRef | undefined {
  return value.codec === COLLECTION ? (parse(value) as CollectionRef) : undefined
}

/** How a step hands its output to the next: as it is, or by reference when it is large. */
export function handOn(output: Encoded | null, of: TaskId): Encoded {
  if (output === null) return encodeRef({ kind: 'nothing' })
  return output.bytes.byteLength > INLINE_BYTES ? encodeRef({ kind: 'output', of }) : output
}

/** Whether it has what each kind needs: bytes in a store may come from anywhere. */
function isRef(value: unknown): value is Ref {
  if (typeof value !== 'object' || value === null) return false
  const { kind, of, map, slice, at, nodes } = value as Partial<Record<string, unknown>>
  switch (kind) {
    case 'nothing':
    case 'join':
      return true
    case 'output':
    case 'failed':
      return typeof of === 'string'
    case 'mapped':
      return isMapRef(map)
    case 'slice':
      return isMapRef(map) && Number.isSafeInteger(slice)
    case 'element':
      return isMapRef(map) && Number.isSafeInteger(slice) && Number.isSafeInteger(at)
    case 'undo':
      return Array.isArray(nodes) && nodes.every((node) => typeof node === 'string')
    default:
      return false
  }
}

function isMapRef(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { source, slices, size, window } = value as Partial<Record<string, unknown>>
  return typeof source === 'object' && source !== null && [slices, size, window].every(Number.isSafeInteger)
}

function parse(value: Encoded): unknown {
  try {
    return JSON.parse(decoder.decode(value.bytes))
  } catch (cause) {
    throw new QError('ERR_DECODE', `A step holds a reference that cannot be read (codec "${value.codec}").`, { cause })
  }
}
