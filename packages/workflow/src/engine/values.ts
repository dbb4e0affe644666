/** Values of a workflow between user and store: the queue's codec, and collections under a tag of their own. */
import type { Encoded, TaskSource } from '@q/core'
import type { Collection } from './collection.ts'
import type { Collections } from './collections.ts'
import { decodeCollection, decodeRef } from './refs.ts'
import { unwrap } from './wrap.ts'

/** Reads and writes values with the codec of one queue. */
export class Values {
  readonly #values: TaskSource['values']
  readonly #collections: Collections

  constructor(values: TaskSource['values'], collections: Collections) {
    this.#values = values
    this.#collections = collections
  }

  /** @throws QError `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE` */
  encode(value: unknown): Encoded | null {
    return this.#values.encodeResult(value)
  }

  /**
   * A value, or a collection that reads itself.
   * @throws QError `ERR_DECODE`
   */
  decode(stored: Encoded | null): unknown {
    if (stored === null) return undefined
    const encoded = unwrap(stored).payload
    const ref = decodeCollection(encoded)
    return ref === undefined ? this.#values.decodeArgs(encoded) : this.open(ref)
  }

  /** What `encode` made of a value, from its bytes alone. @throws QError `ERR_DECODE` */
  decodeBytes(bytes: Uint8Array): unknown {
    const { codec } = this.#values.encodeResult(0) ?? { codec: '' }
    return this.#values.decodeArgs({ codec, bytes })
  }

  /** The value of a payload, if it holds one. @throws QError `ERR_DECODE` */
  peek(payload: Encoded): unknown {
    return decodeRef(payload) === undefined ? this.decode(payload) : undefined
  }

  open(ref: Parameters<Collections['open']>[0]): Collection<unknown> {
    return this.#collections.open(ref)
  }
}
