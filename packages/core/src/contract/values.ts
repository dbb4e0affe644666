/**
 * The args and results of one queue between user and store: schema and codec together.
 *
 * What is stored is what was given, once the schema has accepted it; what the schema makes of it (coerced, with
 * defaults, transformed) is made anew by every reader. So a transform is applied once to every value, whatever it
 * does, a value needs no way back, and a schema that became stricter meets old tasks where they are read.
 */
import type { Codec } from '../codec/codec.ts'
import { decodeTagged, encodeBounded } from '../codec/stored.ts'
import type { Encoded } from '../task/task.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'
import { validate } from './validate.ts'

/** What it takes to read and write the values of a queue. */
export interface ValueRules<Input, Result, Args, Returns> {
  readonly queue: string
  readonly codec: Codec<Input>
  /** In bytes. */
  readonly maxPayloadBytes: number
  readonly args?: StandardSchemaV1<Input, Args> | undefined
  readonly result?: StandardSchemaV1<Returns, Result> | undefined
}

/** Args that may be stored, and what a handler will be given for them. */
export interface EncodedArgs<Args> {
  readonly payload: Encoded
  readonly args: Args
}

/** Reads and writes the values of one queue. */
export class QueueValues<Input = unknown, Result = unknown, Args = Input, Returns = Result> {
  readonly #rules: ValueRules<Input, Result, Args, Returns>
  readonly #where: string
  /** A queue has one codec, for results too. */
  readonly #codec: Codec<unknown>

  constructor(rules: ValueRules<Input, Result, Args, Returns>) {
    this.#rules = rules
    this.#where = `queue "${rules.queue}"`
    this.#codec = rules.codec as Codec<unknown>
  }

  /** @throws QError `ERR_INVALID`, `ERR_SCHEMA_ASYNC`, `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE` */
  encodeArgs(input: Input): EncodedArgs<Args> {
    const { args: schema } = this.#rules
    const args = schema === undefined ? (input as unknown) : validate(schema, input, this.#where, 'args')
    return { payload: this.#encode(input), args: args as Args }
  }

  /** @throws QError `ERR_DECODE`, `ERR_INVALID`, `ERR_SCHEMA_ASYNC` */
  decodeArgs(payload: Encoded): Args {
    const { args: schema, queue } = this.#rules
    const stored = decodeTagged(this.#codec, payload, queue)
    return schema === undefined ? (stored as Args) : validate(schema, stored, this.#where, 'args')
  }

  /**
   * `null` for undefined: nothing was returned.
   * @throws QError `ERR_INVALID`, `ERR_SCHEMA_ASYNC`, `ERR_ENCODE`, `ERR_PAYLOAD_TOO_LARGE`
   */
  encodeResult(returned: unknown): Encoded | null {
    const { result: schema } = this.#rules
    if (schema !== undefined) validate(schema, returned, this.#where, 'result')
    return returned === undefined ? null : this.#encode(returned)
  }

  /** @throws QError `ERR_DECODE`, `ERR_INVALID`, `ERR_SCHEMA_ASYNC` */
  decodeResult(result: Encoded | null): Result {
    const { result: schema, queue } = this.#rules
    const stored = result === null ? undefined : decodeTagged(this.#codec, result, queue)
    return schema === undefined ? (stored as Result) : validate(schema, stored, this.#where, 'result')
  }

  #encode(value: unknown): Encoded {
    return encodeBounded(this.#codec, value, this.#rules.maxPayloadBytes, this.#rules.queue)
  }
}
