/**
 * Runs one of the examples: `npm run example -- basic.ts`; without a name, names them.
 *
 * Node has to know the condition `@q/source`, so that the packages are read from their sources.
 */
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = path.join(import.meta.dirname, '..', 'examples')
const examples = readdirSync(folder).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
const name = path.basename(process.argv[2] ?? '', '.ts')

if (examples.includes(`${name}.ts`)) {
  await import(pathToFileURL(path.join(folder, `${name}.ts`)).href)
} else {
  console.error(name === '' ? 'Which example?' : `There is no example "${name}".`)
  console.error(`npm run example -- ${examples.join(' | ')}`)
  process.exitCode = 1
}
