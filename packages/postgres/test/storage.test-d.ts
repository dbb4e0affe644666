import { defineQueue } from '@q/core'
import { PostgresStorage, type SharedPostgresStorage } from '@q/postgres'
import type { Pool } from 'pg'
import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'

declare const pool: Pool
declare const shared: SharedPostgresStorage
const emails = defineQueue('emails', { args: z.object({ n: z.string().transform(Number) }), result: z.string() })
type Emails = PostgresStorage<{ n: string }, string, { n: number }, string>

test('a defined queue gives its types to every kind of storage', () => {
  expectTypeOf(() => new PostgresStorage({ pool, queue: emails })).returns.toEqualTypeOf<Emails>()
  expectTypeOf(() => PostgresStorage.withNotify({ pool, queue: emails })).returns.toEqualTypeOf<Emails>()
  expectTypeOf(() => shared.makeShared({ queue: emails })).returns.toEqualTypeOf<Emails>()
})

test('a storage without one has the type it is given', () => {
  expectTypeOf(() => new PostgresStorage<string>({ pool })).returns.toEqualTypeOf<
    PostgresStorage<string, unknown, string, unknown>
  >()
  // @ts-expect-error -- the queue holds text
  void (() => new PostgresStorage<string>({ pool }).push(5))
})
