/**
 * A worker in a process of its own that dies, as `kill -9` has it, inside the transaction of a step: after what it wrote, before the
 * commit, and before or after the step was settled in it.
 */
import { WorkerBuilder } from '@q/core'
import { PostgresStorage } from '@q/postgres'
import pg from 'pg'
import { dyingFlow } from './dying-flow.ts'

/** What the process is told, as JSON in its environment. */
export interface DyingConfig {
  readonly url: string
  readonly schema: string
  /** `write`: after the user's statement; `settle`: after the settlement inside the transaction. */
  readonly dies: 'write' | 'settle'
}

const { url, schema, dies } = JSON.parse(process.env['Q_POINTS_WORKER'] ?? '') as DyingConfig
const die = (): void => process.kill(process.pid, 'SIGKILL') as unknown as void

// A test that dies takes its workers with it.
process.stdin.resume().on('end', () => process.exit(9))

const pool = new pg.Pool({ connectionString: url, max: 4 })
const store = new PostgresStorage<unknown>({ pool, schema, queue: 'flows' })
const settle = store.backend.settle.bind(store.backend)
store.backend.settle = async (settlements, options) => {
  const answers = await settle(settlements, options)
  if (dies === 'settle' && options?.tx !== undefined) die()
  return answers
}
const flow = dyingFlow(schema, () => (dies === 'write' ? die() : undefined))
await new WorkerBuilder('dying').backend(store).lease('1s').build(flow).run()
