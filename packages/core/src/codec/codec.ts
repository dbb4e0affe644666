/** How a value becomes bytes and comes back. */

/**
 * Encodes and decodes the args and results of one queue.
 *
 * `tag` is stored beside the bytes and checked before decoding, so that a queue whose codec was
 * changed says so instead of misreading old tasks. `encode` must throw for a value it cannot
 * bring back unchanged: it runs before anything is stored. `decode` throws for bytes it does not
 * understand: that task is killed with the reason, nothing else is.
 *
 * A result that does not encode kills its task too, after the handler has run. Where a codec takes less than JSON does, as
 * `bytes` does, say what handlers return, so that anything else does not compile: `result` of `defineQueue`, or the
 * second type of a storage, `PostgresStorage<Uint8Array, Uint8Array | undefined>`. Nothing returned needs no encoding.
 */
export interface Codec<T> {
  /** 1 to 32 characters of `a-z`, `0-9`, `-` and `.`; stored with every task. */
  readonly tag: string
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
}
