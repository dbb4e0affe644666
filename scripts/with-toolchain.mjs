/**
 * Runs a command with this repository's own tools: `node scripts/with-toolchain.mjs COMMAND …`.
 *
 * Needs Node 20 or newer and npm, nothing else. Installs what the lockfile names when it is not there or
 * no longer matches, then runs the command with node_modules/.bin first on the PATH, where the
 * pinned Node is too.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const bin = path.join(root, 'node_modules', '.bin')
const stampFile = path.join(root, 'node_modules', '.installed')
const windows = process.platform === 'win32'

const [command, ...args] = process.argv.slice(2)
const pnpm = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).packageManager
if (command === 'pnpm') {
  // May be about to change the lockfile, so nothing can be demanded of it first.
  run('npx', ['--yes', pnpm, ...args])
} else {
  install()
  if (command !== undefined) run(command, args)
}

function install() {
  const wanted = stamp()
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return
  console.error(`Installing what pnpm-lock.yaml names, with ${pnpm} …`)
  const done = spawnSync(
    'npx',
    ['--yes', pnpm, 'install', '--frozen-lockfile', '--reporter=append-only', '--loglevel=error'],
    {
      cwd: root,
      encoding: 'utf8',
      shell: windows,
      // pnpm removes a node_modules that it did not make only when nobody has to be asked.
      env: { ...process.env, CI: 'true' },
    },
  )
  if (done.status !== 0) {
    console.error(`${done.stdout ?? ''}${done.stderr ?? ''}${done.error ?? ''}`)
    console.error('Installing failed. After a change to a package.json: npm run pnpm -- install')
    process.exit(done.status || 1)
  }
  writeFileSync(stampFile, wanted)
}

/** Changes whenever an install could give another result. */
function stamp() {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\n`)
  const manifests = ['packages', 'apps', 'tools'].flatMap((folder) =>
    subfolders(folder).map((name) => `${folder}/${name}/package.json`),
  )
  for (const file of [
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'package.json',
    'examples/package.json',
    'bench/package.json',
    ...manifests,
  ]) {
    const full = path.join(root, file)
    if (existsSync(full)) hash.update(`${file}\n`).update(readFileSync(full))
  }
  return hash.digest('hex')
}

function subfolders(folder) {
  const full = path.join(root, folder)
  return existsSync(full) ? readdirSync(full).sort() : []
}

/** Signals go to the command alone, which decides how to stop; its exit code is ours. */
function run(name, rest) {
  const child = spawn(name, rest, {
    cwd: root,
    stdio: 'inherit',
    shell: windows,
    env: {
      ...process.env,
      PATH: `${bin}${path.delimiter}${process.env.PATH}`,
      TURBO_TELEMETRY_DISABLED: '1',
      // Most of what a short program costs is compiling its sources, the same ones each time.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? path.join(root, 'node_modules', '.cache', 'compiled'),
    },
  })
  // Ctrl-C reaches the whole group by itself; a signal sent to this process alone is passed on.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // The shell that npm puts in between dies of a signal without passing it on.
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    child.kill('SIGTERM')
  }, 500)
  watch.unref()
  child.on('error', (error) => {
    console.error(`Cannot run ${name}: ${error.message}`)
    process.exit(127)
  })
  child.on('exit', (code, signal) => {
    process.exit(signal ? 128 + ({ SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 1) : (code ?? 1))
  })
}
