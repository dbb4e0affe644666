/** The contract's cases, the same list as for memory, on a real Postgres. */
import { CAPABILITIES } from '@q/core'
import { describeBackend } from '@q/testing'
import { PostgresStorage } from '@q/postgres'
import type { PostgresTransaction } from '@q/postgres'
import { testSchema } from './support/schema.ts'

describeBackend<PostgresTransaction>(
  'postgres',
  async () => {
    const on = await testSchema()
    const open = () => PostgresStorage.withNotify({ pool: on.pool, schema: on.schema }).backend
    return {
      backend: open(),
      close: () => on.end(),
      async expireLease(instance) {
        await on.rows(
          `update $schema.instance set lease_until = clock_timestamp() - interval '1 millisecond' where id = $1`,
          [instance],
        )
      },
      second: () => Promise.resolve(open()),
      async transaction(run, commit) {
        const client = await on.pool.connect()
        try {
          await client.query('begin')
          await run(client)
          await client.query(commit ? 'commit' : 'rollback')
        } finally {
          client.release()
        }
      },
    }
  },
  { requires: [...CAPABILITIES, 'transactional', 'transaction', 'second'] },
)
