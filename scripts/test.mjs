/**
 * Everything that must hold before a change lands, in groups; after the first that fails none is begun.
 *
 *   npm test                   all groups but those of CI
 *   npm test -- unit postgres  only these
 *   npm run check              the ones that run no test
 *   npm test -- ci             all groups
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, constants, setPriority, tmpdir } from 'node:os'
import path from 'node:path'

/** Say nothing unless they fail. */
const CHECKS = {
  format: [['prettier', '--check', '--log-level=warn', '.']],
  lint: [['oxlint', '--type-aware', '--deny-warnings']],
  types: typescriptProjects().map((project) => ['tsc', '--noEmit', '--project', project]),
  boundaries: [['turbo', 'boundaries']],
  unused: [['knip', '--no-config-hints']],
}
/** What vitest is asked for, and with which environment. */
const TESTS = {
  unit: { args: ['--project=unit', '--project=types'] },
  postgres: { args: ['--project=postgres'] },
  fault: { args: ['--project=fault'] },
  examples: { args: ['--project=examples'] },
  oldest: {
    args: ['--project=postgres', 'packages/postgres/test/conformance.test.ts'],
    env: { POSTGRES_VERSION: '14' },
  },
}
/** What would be published, and the contract on the oldest Postgres. */
const ONLY_CI = ['package', 'oldest']

/**
 * Stages follow one another, lanes of a stage run side by side, groups of a lane follow one another. Fault tests mostly
 * wait, but some say how soon a thing must happen: beside them runs only what can wait for the processor.
 */
const STAGES = [
  [['types'], ['format', 'lint', 'boundaries', 'unused']],
  [['unit']],
  [['postgres']],
  [['fault'], ['package']],
  [['examples'], ['oldest']],
]
const YIELDING = ['package']

const wanted = chosen(process.argv.slice(2))
const scratch = mkdtempSync(path.join(tmpdir(), 'q-test-'))
const total = { passed: 0, failed: 0, skipped: 0 }
const began = Date.now()
const failedGroups = []
const children = new Set()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupt(signal))

for (const stage of STAGES) {
  const lanes = stage.map((lane) => lane.filter((group) => wanted.includes(group))).filter((lane) => lane.length > 0)
  await Promise.all(lanes.map((lane) => runLane(lane, lanes.length > 1)))
}

rmSync(scratch, { recursive: true, force: true })
console.log(
  failedGroups.length > 0
    ? `\nFAILED in ${failedGroups.map((group) => `"${group}"`).join(', ')} after ${seconds(began)}. Again, only that: npm test -- ${failedGroups.join(' ')}`
    : `\nAll groups passed in ${seconds(began)}.`,
)
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`)
process.exitCode = failedGroups.length > 0 ? 1 : 0

function chosen(names) {
  const all = STAGES.flat(2)
  if (names.length === 0) return all.filter((group) => !ONLY_CI.includes(group))
  const sets = { check: Object.keys(CHECKS), ci: all }
  const groups = names.flatMap((name) => sets[name] ?? [name])
  const unknown = groups.find((name) => !all.includes(name))
  if (unknown === undefined) return groups
  console.error(`There is no group "${unknown}". Groups: ${Object.keys(sets).join(', ')}, ${all.join(', ')}.`)
  process.exit(2)
}

/** What a group prints stays together: beside another lane it is printed when the group has ended. */
async function runLane(lane, besideOthers) {
  for (const group of lane) {
    if (failedGroups.length > 0) return
    const start = Date.now()
    const lines = []
    const say = besideOthers ? (text) => lines.push(text) : console.log
    say(`\n── ${group} ${'─'.repeat(Math.max(0, 60 - group.length))}`)
    const ok = await runGroup(group, besideOthers, say)
    say(`${ok ? 'ok' : 'FAILED'}  ${group}  ${seconds(start)}`)
    if (besideOthers) console.log(lines.join('\n'))
    if (!ok) failedGroups.push(group)
  }
}

async function runGroup(group, besideOthers, say) {
  if (group in CHECKS) return runChecks(CHECKS[group], say)
  const yields = YIELDING.includes(group)
  const how = { inherit: !besideOthers, yields }
  if (group in TESTS) return runTests(group, how, say)
  return tell(await run(['node', 'scripts/pack-check.mjs'], how), say)
}

/** Side by side, as many as there are cores. */
async function runChecks(commands, say) {
  const waiting = [...commands]
  const outcomes = []
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const done = await run(next)
      outcomes.push(done.ok || tell(done, say))
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return outcomes.every(Boolean)
}

async function runTests(group, how, say) {
  const report = path.join(scratch, `${group}.json`)
  const { args, env } = TESTS[group]
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const ok = tell(await run(['vitest', 'run', ...args, ...reporters], { ...how, env }), say)
  if (!existsSync(report)) return false
  const result = JSON.parse(readFileSync(report, 'utf8'))
  total.passed += result.numPassedTests
  total.failed += result.numFailedTests
  total.skipped += result.numPendingTests + result.numTodoTests
  // A file that could not be loaded has no tests to count, but it did fail.
  if (!ok && result.numFailedTests === 0) total.failed += Math.max(1, result.numFailedTestSuites)
  return ok
}

function tell({ ok, output }, say) {
  if (output !== '') say(output)
  return ok
}

/** Resolves when the command has ended, to whether it succeeded and what it printed, unless that went to the terminal. */
function run([command, ...args], { env = {}, inherit = false, yields = false } = {}) {
  return new Promise((resolve) => {
    const color = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
    const child = spawn(command, args, {
      stdio: inherit ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...(inherit ? {} : color), ...env },
      shell: process.platform === 'win32',
    })
    if (yields && child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL)
    children.add(child)
    let output = ''
    child.stdout?.setEncoding('utf8').on('data', (text) => (output += text))
    child.stderr?.setEncoding('utf8').on('data', (text) => (output += text))
    child.on('error', (error) => (output += error.message))
    child.on('close', (code) => {
      children.delete(child)
      resolve({ ok: code === 0, output: output.trim() })
    })
  })
}

/** Ctrl-C has reached the commands by itself; another signal is passed on. The scratch folder goes with either. */
function interrupt(signal) {
  if (signal !== 'SIGINT') for (const child of children) child.kill(signal)
  rmSync(scratch, { recursive: true, force: true })
  process.exit(128 + constants.signals[signal])
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
