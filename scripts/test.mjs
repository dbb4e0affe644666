/**
 * Everything that must hold before a change lands, in groups; stops at the first that fails.
 *
 *   npm test                   all groups
 *   npm test -- unit postgres  only these
 *   npm run check              the ones that run no test
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'

const CHECKS = {
  format: [['prettier', '--check', '--log-level=warn', '.']],
  lint: [['oxlint', '--type-aware', '--deny-warnings']],
  types: typescriptProjects().map((project) => ['tsc', '--noEmit', '--project', project]),
  boundaries: [['turbo', 'boundaries']],
  unused: [['knip', '--no-config-hints']],
}
const TESTS = {
  unit: ['unit', 'types'],
  postgres: ['postgres'],
  fault: ['fault'],
  examples: ['examples'],
}

const scratch = mkdtempSync(path.join(tmpdir(), 'q-test-'))
const total = { passed: 0, failed: 0, skipped: 0 }
const began = Date.now()
let failedGroup

for (const group of chosen(process.argv.slice(2))) {
  const start = Date.now()
  console.log(`\n── ${group} ${'─'.repeat(Math.max(0, 60 - group.length))}`)
  const ok = group in CHECKS ? await runCheck(CHECKS[group]) : runTests(group, TESTS[group])
  console.log(`${ok ? 'ok' : 'FAILED'}  ${group}  ${seconds(start)}`)
  if (!ok) {
    failedGroup = group
    break
  }
}

rmSync(scratch, { recursive: true, force: true })
console.log(
  failedGroup
    ? `\nFAILED in group "${failedGroup}" after ${seconds(began)}. Again, only that one: npm test -- ${failedGroup}`
    : `\nAll groups passed in ${seconds(began)}.`,
)
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`)
process.exitCode = failedGroup ? 1 : 0

function chosen(names) {
  const all = [...Object.keys(CHECKS), ...Object.keys(TESTS)]
  if (names.length === 0) return all
  const wanted = names.flatMap((name) => (name === 'check' ? Object.keys(CHECKS) : [name]))
  const unknown = wanted.find((name) => !all.includes(name))
  if (unknown !== undefined) {
    console.error(`There is no group "${unknown}". Groups: check, ${all.join(', ')}.`)
    process.exit(2)
  }
  return all.filter((name) => wanted.includes(name))
}

/** Side by side, as many as there are cores; what one prints stays together. */
async function runCheck(commands) {
  const waiting = [...commands]
  const outcomes = []
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) outcomes.push(await runQuietly(next))
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return outcomes.every(Boolean)
}

function runQuietly([command, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { shell: process.platform === 'win32' })
    let output = ''
    child.stdout.on('data', (data) => (output += data))
    child.stderr.on('data', (data) => (output += data))
    child.on('error', (error) => (output += error.message))
    child.on('close', (code) => {
      if (code !== 0) console.log(output.trimEnd())
      resolve(code === 0)
    })
  })
}

function runTests(group, projects) {
  const report = path.join(scratch, `${group}.json`)
  const ok = run([
    'vitest',
    'run',
    ...projects.map((project) => `--project=${project}`),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ])
  if (!existsSync(report)) return false
  const result = JSON.parse(readFileSync(report, 'utf8'))
  total.passed += result.numPassedTests
  total.failed += result.numFailedTests
  total.skipped += result.numPendingTests + result.numTodoTests
  // A file that could not be loaded has no tests to count, but it did fail.
  if (!ok && result.numFailedTests === 0) total.failed += Math.max(1, result.numFailedTestSuites)
  return ok
}

function run([command, ...args]) {
  const done = spawnSync(command, args, {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  return done.status === 0
}

/**
 * Core's sources alone, which may use no runtime's types; the other packages and all tests as one
 * program; each app; and the programs that import packages.
 */
function typescriptProjects() {
  const apps = existsSync('apps') ? readdirSync('apps').map((name) => `apps/${name}`) : []
  return ['.', 'packages/core', ...apps, 'examples', 'bench'].filter(
    (folder) => existsSync(`${folder}/tsconfig.json`) && (folder === '.' || hasTypeScript(folder)),
  )
}

function hasTypeScript(folder) {
  return readdirSync(folder, { withFileTypes: true }).some((entry) =>
    entry.isDirectory()
      ? entry.name !== 'node_modules' && hasTypeScript(path.join(folder, entry.name))
      : /\.tsx?$/.test(entry.name),
  )
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}
