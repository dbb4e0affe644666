/**
 * Checks what would be published, from the outside.
 *
 * Builds and packs every public package, lints the tarballs and their types, then installs them
 * into an empty project elsewhere, where the programs in scripts/consumer run as ES modules and
 * as CommonJS and are compiled by every TypeScript that is supported.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const TYPESCRIPTS = { 'typescript-5.9': '5.9.3', 'typescript-6.0': '6.0.3' }
const OLDEST_NODE = '22.18.0'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const artifacts = path.join(root, 'artifacts')

const published = ['packages', 'apps']
  .flatMap((parent) =>
    existsSync(path.join(root, parent)) ? readdirSync(path.join(root, parent)).map((name) => `${parent}/${name}`) : [],
  )
  .filter((folder) => existsSync(path.join(root, folder, 'package.json')))
  .map((folder) => ({ folder, manifest: readJson(`${folder}/package.json`) }))
  .filter(({ manifest }) => !manifest.private)

title('build')
run(root, 'turbo', 'run', 'build', ...published.map(({ manifest }) => `--filter=${manifest.name}`))

title('pack')
rmSync(artifacts, { recursive: true, force: true })
mkdirSync(artifacts)
for (const { folder, manifest } of published) {
  run(path.join(root, folder), 'pnpm', 'pack', '--pack-destination', artifacts)
  manifest.tarball = path.join(artifacts, `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`)
}

for (const { manifest } of published) {
  title(`publint and attw: ${manifest.name}`)
  run(root, 'publint', '--strict', manifest.tarball)
  // node16: TypeScript's old `node10` resolution cannot see `exports`, and no supported Node uses it.
  const profile = JSON.stringify(manifest.exports).includes('"require"') ? 'node16' : 'esm-only'
  run(root, 'attw', '--profile', profile, '--format', 'table-flipped', manifest.tarball)
}

const consumer = mkdtempSync(path.join(tmpdir(), 'q-consumer-'))
try {
  title('install into an empty project')
  cpSync(path.join(root, 'scripts', 'consumer'), consumer, { recursive: true })
  writeFileSync(path.join(consumer, 'package.json'), JSON.stringify(consumerManifest(), null, 2))
  run(consumer, 'npm', 'install', '--no-audit', '--no-fund', '--loglevel=error')

  for (const program of ['esm.mjs', 'cjs.cjs']) {
    title(`consumer ${program}`)
    run(consumer, process.execPath, program)
    run(consumer, 'npx', '--yes', `node@${OLDEST_NODE}`, program)
  }
  for (const name of Object.keys(TYPESCRIPTS)) {
    title(`consumer types, ${name}`)
    run(consumer, process.execPath, `node_modules/${name}/bin/tsc`, '--project', 'tsconfig.json')
  }
} finally {
  rmSync(consumer, { recursive: true, force: true })
}
console.log('\nThe packages are fit to publish.')

/** The tarballs and what their users bring along, in this repository's versions. */
function consumerManifest() {
  const dependencies = Object.fromEntries(published.map(({ manifest }) => [manifest.name, `file:${manifest.tarball}`]))
  for (const name of ['pg', '@types/pg', '@types/node', 'vitest']) dependencies[name] = catalogVersion(name)
  for (const [name, version] of Object.entries(TYPESCRIPTS)) dependencies[name] = `npm:typescript@${version}`
  return { name: 'consumer', private: true, dependencies }
}

function catalogVersion(name) {
  const text = readFileSync(path.join(root, 'pnpm-workspace.yaml'), 'utf8')
  return new RegExp(`^  '?${name}'?: (\\S+)$`, 'm').exec(text)[1]
}

function readJson(file) {
  return JSON.parse(readFileSync(path.join(root, file), 'utf8'))
}

function title(text) {
  console.log(`\n── ${text} ${'─'.repeat(Math.max(0, 60 - text.length))}`)
}

function run(cwd, command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit' })
  if (status === 0) return
  console.error(`FAILED: ${command} ${args.join(' ')}${error ? `: ${error.message}` : ''}`)
  process.exit(status || 1)
}
