import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { toWire } from '../src/connection/binary-array.ts'

test('arrays of bytes arrive as they are: empty, every byte value, nulls, large', async () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const items = [all, Buffer.alloc(0), null, Buffer.alloc(100_000, 7), Buffer.from('"\\{},NULL')]
  const client = new pg.Client({ connectionString: inject('databaseUrl') })
  await client.connect()
  try {
    const { rows } = await client.query<{ x: Buffer | null }>('select x from unnest($1::bytea[]) as x', [toWire(items)])
    expect(rows.map((row) => row.x)).toEqual(items)
  } finally {
    await client.end()
  }
})

test.each([[['a', null]], [[1, 2]], [[]], [[null]], ['text'], [null], [Buffer.from('x')]])(
  '%j is left as it is',
  (value) => {
    expect(toWire(value)).toBe(value)
  },
)
