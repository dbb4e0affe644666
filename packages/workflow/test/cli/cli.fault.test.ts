/** The command, as a process. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { expect, test } from 'vitest'

const PROGRAM = path.join(import.meta.dirname, '../../src/cli.ts')
const FLOWS = path.join(import.meta.dirname, 'support/flows.ts')

test('q-workflow check names the runs that a build could not go on with, and its exit code says that there are some', async () => {
  expect(await run('after', 'check', FLOWS)).toEqual({
    code: 1,
    stdout: '01a20f16-fa54-7009-874c-821e4caef7ac flow version 1: is at go\n',
    stderr: '',
  })
})

test('q-workflow check says nothing of runs that a build can go on with', async () => {
  expect(await run('renamed', 'check', FLOWS)).toEqual({ code: 0, stdout: '', stderr: '' })
})

test('q-workflow says how it is used', async () => {
  expect(await run('after', '--help')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage/) })
  expect(await run('after', 'chek', FLOWS)).toMatchObject({ code: 2, stderr: expect.stringMatching(/^Usage/) })
  expect(await run('none', 'check', FLOWS)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/must export store/),
  })
  expect(await run('after', 'check', 'nowhere.js')).toMatchObject({ code: 2, stderr: expect.stringMatching(/nowhere/) })
})

function run(build: string, ...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--conditions=@q/source', PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', Q_BUILD: build },
    timeout: 30_000,
    killSignal: 'SIGKILL',
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data: Buffer) => (stdout += String(data)))
  child.stderr.on('data', (data: Buffer) => (stderr += String(data)))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
}
