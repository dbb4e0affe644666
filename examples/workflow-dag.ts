/** A workflow as a graph: nodes depend on others by name, routes choose between them, and where ways meet one task runs. */
import './support/database.ts'
import { WorkerBuilder } from '@q/core'
import { MemoryStorage } from '@q/core/memory'
import { PostgresStorage } from '@q/postgres'
import { Dag, toMermaid, when } from '@q/workflow'
import pg from 'pg'

const greet = new Dag<{ id: number }>('user-card')
  .node('name', async ({ id }) => `user-${id}`)
  .node('age', async ({ id }) => 20 + id)
  .node('upper', ['name'], async ({ name }) => name.toUpperCase())
  .route('kind', ['age'], async ({ age }) => (age < 30 ? 'young' : 'old'), { labels: ['young', 'old'] })
  .node('party', [when('kind', 'young')], async () => 'has a party')
  .node('rest', [when('kind', 'old')], async () => 'has a rest')
  .node(
    'card',
    ['upper', 'age', 'party', 'rest'],
    async ({ upper, age, party, rest }) => `${upper}, ${age}, ${party ?? rest}`,
    {
      join: 'noneFailed',
    },
  )

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await PostgresStorage.setup(pool)

const stores = [new MemoryStorage<unknown>({ queue: 'cards' }), new PostgresStorage<unknown>({ pool, queue: 'cards' })]
for (const flows of stores) {
  const runs = await greet.pushStarts(flows, [{ id: 1 }, { id: 17 }])
  const finished = Promise.all(runs.map((run) => run.finished))
  await new WorkerBuilder('cards').backend(flows).build(greet).runUntil(finished)
  for (const run of runs) console.log(`${flows.backend.name}: ${await run.result()}`)
  await flows.close()
}
await pool.end()
console.log(toMermaid(greet.graph).split('\n')[0])

// Prints:
//   memory: USER-1, 21, has a party
//   memory: USER-17, 37, has a rest
//   postgres: USER-1, 21, has a party
//   postgres: USER-17, 37, has a rest
//   flowchart TD
