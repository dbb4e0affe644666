/** Runs a program of this folder as a user would, for the tests. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'

const examples = path.dirname(import.meta.dirname)

/** What a program left behind. */
export interface Ended {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** A program that runs. */
export interface Program {
  readonly process: ChildProcess
  /** Resolves when the output holds this text; rejects when the program ends without. */
  says(text: string): Promise<void>
  readonly ended: Promise<Ended>
}

/**
 * Starts a program.
 * @param timeoutMs It is killed after this long.
 */
export function start(file: string, args: readonly string[], databaseUrl: string, timeoutMs: number): Program {
  const child = spawn(process.execPath, ['--conditions=@q/source', path.join(examples, file), ...args], {
    env: { ...process.env, DATABASE_URL: databaseUrl },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
  const ended = once(child, 'close').then(([code]: (number | null)[]) => ({ code: code ?? null, output, errors }))
  return {
    process: child,
    ended,
    async says(text) {
      while (!output.includes(text)) {
        const isOver = await Promise.race([ended.then(() => true), once(child.stdout, 'data').then(() => false)])
        if (isOver && !output.includes(text)) throw new Error(`ended without saying "${text}":\n${output}${errors}`)
      }
    },
  }
}
