// Every entry point loads as an ES module and exports something.
import * as core from '@q/core'
import * as memory from '@q/core/memory'
import * as middleware from '@q/core/middleware'
import * as msgpack from '@q/msgpack'
import * as parallel from '@q/parallel'
import * as postgres from '@q/postgres'
import * as workflow from '@q/workflow'

for (const [name, module] of Object.entries({ core, memory, middleware, msgpack, parallel, postgres, workflow })) {
  const names = Object.keys(module)
  if (names.length === 0) throw new Error(`${name} exports nothing`)
  console.log(`esm ${name}: ${names.length} exports`)
}

const double = parallel.parallelize(new URL('./double.mjs', import.meta.url), { name: 'double', threads: 1 })
const ctx = { task: { id: 'x' }, taskId: 'x', attempt: 1, signal: AbortSignal.timeout(20_000) }
const got = await double.handle(21, ctx)
if (got !== 42) throw new Error(`@q/parallel: a thread gives ${got}`)
await double.close()
console.log('esm @q/parallel: a thread answers')
