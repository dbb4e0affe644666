// Every entry point loads as CommonJS and exports what the ES module does.
const modules = ['@q/core', '@q/core/memory', '@q/core/middleware', '@q/postgres']

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

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
