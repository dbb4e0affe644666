// Every entry point loads as CommonJS and exports what the ES module does.
const modules = [
  '@q/core',
  '@q/core/memory',
  '@q/core/middleware',
  '@q/msgpack',
  '@q/parallel',
  '@q/postgres',
  '@q/workflow',
]

async function main() {
  for (const name of modules) {
    const required = Object.keys(require(name)).sort().join()
    const imported = Object.keys(await import(name))
      .sort()
      .join()
    if (required === '' || required !== imported) {
      throw new Error(`${name}: require gives ${required}, import gives ${imported}`)
    }
    console.log(`cjs ${name}: ${required.split(',').length} exports`)
  }
}

async function onThread() {
  const { parallelize } = require('@q/parallel')
  const double = parallelize(require('node:path').join(__dirname, 'double.mjs'), { name: 'double', threads: 1 })
  const got = await double.handle(21, {
    task: { id: 'x' },
    taskId: 'x',
    attempt: 1,
    signal: AbortSignal.timeout(20_000),
  })
  if (got !== 42) throw new Error(`@q/parallel: a thread gives ${got}`)
  await double.close()
  console.log('cjs @q/parallel: a thread answers')
}

main()
  .then(onThread)
  .catch((error) => {
    console.error(error)
    process.exit(1)
  })
