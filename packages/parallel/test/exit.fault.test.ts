/** What threads do to the process they are part of: idle ones do not keep it, and those that cannot start are no hang. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { expect, test } from 'vitest'

test.each([
  ['that idles', 'idle'],
  ['that was never used', 'unused'],
  ['that died', 'dead'],
])('a thread %s lets its process exit', async (_, how) => {
  expect(await run(how)).toEqual({ code: 0, signal: null, output: `${how} is over\n` })
})

test('a task fails when no thread can start, instead of waiting for one', async () => {
  const preload = `import { isMainThread } from 'node:worker_threads'; if (!isMainThread) throw new Error('no threads here')`
  expect(await run('broken', `--import=data:text/javascript,${encodeURIComponent(preload)}`)).toEqual({
    code: 0,
    signal: null,
    output: 'ERR_CRASHED no threads here\nERR_CRASHED no threads here\nbroken is over\n',
  })
})

/** Runs support/once.ts to its end. */
function run(how: string, ...flags: string[]): Promise<{ code: number | null; signal: string | null; output: string }> {
  const program = path.join(import.meta.dirname, 'support/once.ts')
  const child = spawn(process.execPath, ['--conditions=@q/source', ...flags, program, how], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  let output = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, output }))
  })
}
