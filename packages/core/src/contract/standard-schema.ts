/**
 * The interface by which schema libraries can be used without knowing them: Standard Schema, version 1.
 *
 * Copied as types, as its specification asks for (https://standardschema.dev): zod, valibot, arktype and others
 * implement it, and core depends on none of them.
 */

/** A schema of any library that keeps to Standard Schema v1. */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': StandardSchemaProps<Input, Output>
}

/** What a schema tells of itself. */
interface StandardSchemaProps<Input = unknown, Output = Input> {
  readonly version: 1
  /** Name of the library. */
  readonly vendor: string
  /** Checks a value. A promise is refused with `ERR_SCHEMA_ASYNC`. */
  readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
  /** For the types alone; absent at run time. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined
}

/** A value, or why it is none. */
export type StandardResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] }

/** One thing that is wrong with a value. */
export interface StandardIssue {
  readonly message: string
  /** Keys from the value down to what is wrong. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a schema takes. */
export type InferInput<Schema extends StandardSchemaV1> = NonNullable<Schema['~standard']['types']>['input']

/** What a schema gives. */
export type InferOutput<Schema extends StandardSchemaV1> = NonNullable<Schema['~standard']['types']>['output']
