/** A codec decides how args become bytes. This one keeps what JSON cannot: dates, maps, bytes. */
import './support/database.ts'
import { type Codec, WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import { Packr } from 'msgpackr'
import pg from 'pg'

interface Measurement {
  readonly at: Date
  readonly values: Map<string, number>
  readonly raw: Uint8Array
}

/** The tag is stored with every task, so that a queue whose codec was changed says so. */
const packr = new Packr({ structuredClone: true })
const msgpack: Codec<Measurement> = {
  tag: 'msgpack',
  encode: (value) => packr.pack(value),
  decode: (bytes) => packr.unpack(bytes) as Measurement,
}

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool)
const measurements = new PostgresStorage({ pool, queue: 'measurements', codec: msgpack })

const { id } = await measurements.push({
  at: new Date(0),
  values: new Map([['celsius', 21.5]]),
  raw: Uint8Array.of(1, 2, 255),
})

const worker = new WorkerBuilder('meter').backend(measurements).build(({ at, values, raw }) => {
  console.log(at.toISOString(), values.get('celsius'), [...raw])
})
await worker.runUntil(measurements.waitFor(id))

// Strict JSON, the default, refuses at the push what it could not give back.
const strict = new PostgresStorage<Measurement>({ pool, queue: 'strict' })
const push = strict.push({ at: new Date(0), values: new Map(), raw: Uint8Array.of() })
await push.catch((error: Error) => console.log(error.message))

await Promise.all([measurements.close(), strict.close()])
await pool.end()

// Prints:
//   1970-01-01T00:00:00.000Z 21.5 [ 1, 2, 255 ]
//   queue "strict", codec "json": $.at: a Date is not JSON. To store it, use value.toISOString(), and new Date(text) when reading.
