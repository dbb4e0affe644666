/** Typed entries of a task's metadata: written and read under one name, by one value that both sides import. */
import type { StandardSchemaV1 } from '../contract/standard-schema.ts'
import { isStandardSchema, validate } from '../contract/validate.ts'
import { QError } from '../error.ts'
import { checkKnownOptions } from '../options.ts'
import { messageOf, show } from '../show.ts'
import { checkMetadata, MAX_METADATA_LENGTH } from '../task/metadata-check.ts'
import type { Metadata } from '../task/task.ts'

/** How a value becomes the small string that is stored. All optional. */
export interface MetadataKeyOptions<T> {
  /** Default: JSON. */
  readonly encode?: (value: T) => string
  /** Default: JSON. What it throws makes the entry invalid. */
  readonly decode?: (text: string) => T
  /** Checks what is written and what is read; it must leave the value as it is. */
  readonly schema?: StandardSchemaV1<T, T>
}

/** One typed entry. Made by {@link metadataKey}. */
export interface MetadataKey<T> {
  /** The name under which it is stored. */
  readonly name: string
  /**
   * Metadata with this entry, beside what `into` has: `task(args).metadata(tenant.inject('acme'))`.
   * @throws QError `ERR_INVALID` for a value the schema refuses; `ERR_ENCODE` for one that does not become a string;
   *   `ERR_OPTION` for one that is too long.
   */
  inject(value: T, into?: Metadata | null): Metadata
  /**
   * The entry, or undefined when there is none: `tenant.extract(ctx.task.metadata)`.
   * @throws QError `ERR_INVALID` when there is one that cannot be read.
   */
  extract(metadata: Metadata | null): T | undefined
}

/**
 * A typed entry. Without options it is a string, stored as it is; with options anything, stored as JSON unless they say otherwise.
 *
 * ```ts
 * const tenant = metadataKey('tenant')
 * const origin = metadataKey('origin', { schema: z.object({ page: z.string() }) })
 * ```
 *
 * @throws QError `ERR_OPTION`
 */
export function metadataKey(name: string): MetadataKey<string>
export function metadataKey<T>(name: string, options: MetadataKeyOptions<T>): MetadataKey<T>
export function metadataKey<T>(name: string, options?: MetadataKeyOptions<T>): MetadataKey<T> | MetadataKey<string> {
  const where = 'metadataKey'
  if (typeof name !== 'string' || name === '' || name.length > MAX_METADATA_LENGTH / 2)
    throw new QError(
      'ERR_OPTION',
      `${where}: name must be 1 to ${MAX_METADATA_LENGTH / 2} characters, got ${show(name)}.`,
    )
  checkMetadata(where, { [name]: '' })
  if (options === undefined) return keyOf(name, { encode: asIs, decode: asIs })
  checkKnownOptions(where, options, ['encode', 'decode', 'schema'] satisfies readonly (keyof MetadataKeyOptions<T>)[])
  const { encode = JSON.stringify, decode = JSON.parse as (text: string) => T, schema } = options
  if (typeof encode !== 'function' || typeof decode !== 'function')
    throw new QError('ERR_OPTION', `${where}: encode and decode must be functions.`)
  if (schema !== undefined && !isStandardSchema(schema))
    throw new QError('ERR_OPTION', `${where}: schema must keep to Standard Schema v1, such as z.object({ … }) of zod.`)
  return keyOf(name, { encode, decode, schema })
}

function asIs(text: string): string {
  return text
}

function keyOf<T>(
  name: string,
  {
    encode,
    decode,
    schema,
  }: { encode: (value: T) => string; decode: (text: string) => T; schema?: StandardSchemaV1<T, T> | undefined },
): MetadataKey<T> {
  const root = `metadata["${name}"]`
  return Object.freeze({
    name,
    inject(value: T, into: Metadata | null = null): Metadata {
      if (schema !== undefined) validate(schema, value, 'inject', root)
      let text: unknown
      try {
        text = encode(value)
      } catch (cause) {
        throw new QError('ERR_ENCODE', `inject: ${root}: ${messageOf(cause)}`, { cause })
      }
      if (typeof text !== 'string')
        throw new QError('ERR_ENCODE', `inject: ${root}: a value must become a string, got ${typeof text}.`)
      return checkMetadata('inject', { ...into, [name]: text })
    },
    extract(metadata: Metadata | null): T | undefined {
      if (metadata === null || !Object.hasOwn(metadata, name)) return undefined
      let value: T
      try {
        value = decode(metadata[name]!)
      } catch (cause) {
        throw new QError('ERR_INVALID', `extract: ${root}: ${messageOf(cause)}`, { cause })
      }
      return schema === undefined ? value : validate(schema, value, 'extract', root)
    },
  })
}
