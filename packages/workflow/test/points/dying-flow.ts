/** A chain with a step in a transaction, for processes that die in it. */
import type pg from 'pg'
import { Workflow } from '../../src/build/chain.ts'
import type { Definition } from '../../src/build/definition.ts'

/** @param then What happens after the step wrote its note. */
export function dyingFlow(schema: string, then: () => void = () => undefined): Definition<number, number> {
  return new Workflow<number>('dying')
    .andThen('a', async (n) => n + 1)
    .tx('b', async (tx: pg.PoolClient, n, ctx) => {
      await tx.query(`insert into ${schema}.notes values ($1, 'b')`, [ctx.run.id])
      then()
      return n * 10
    })
    .andThen('c', async (n) => n + 0.5)
}
