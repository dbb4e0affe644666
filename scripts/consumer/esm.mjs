// Every entry point loads as an ES module and exports something.
import * as core from '@q/core'
import * as memory from '@q/core/memory'
import * as middleware from '@q/core/middleware'
import * as postgres from '@q/postgres'

for (const [name, module] of Object.entries({ core, memory, middleware, postgres })) {
  const names = Object.keys(module)
  if (names.length === 0) throw new Error(`${name} exports nothing`)
  console.log(`esm ${name}: ${names.length} exports`)
}
