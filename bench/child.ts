/** Programs that are looked at from outside: plain JavaScript in a process of their own, like a user's. */
import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { build } from 'tsup'
import type { Figures } from './harness.ts'

/** A program made of one file of this folder. */
export interface Child extends AsyncDisposable {
  /**
   * Runs it; the figures are the last line that it prints.
   * @param onBegin Called when it prints a line `begin`: it is up, and what is to be looked at starts.
   */
  run(url: string, args: readonly string[], onBegin?: () => void): Promise<Figures>
}

/** Compiles a program. Beside the packages that stay outside of it, so that it finds them. */
export async function childOf(name: string): Promise<Child> {
  const outDir = path.join(import.meta.dirname, 'node_modules', '.cache', `${name}-${process.pid}`)
  await build({
    entry: [path.join(import.meta.dirname, `${name}.ts`)],
    config: false,
    silent: true,
    format: 'esm',
    target: 'node22',
    outDir,
    outExtension: () => ({ js: '.mjs' }),
    external: ['pg'],
    noExternal: [/^@q\//, 'kysely'],
    esbuildOptions: (options) => {
      options.conditions = ['@q/source', 'import', 'node']
    },
  })
  return {
    async run(url, args, onBegin) {
      const running = promisify(execFile)(process.execPath, [path.join(outDir, `${name}.mjs`), ...args], {
        env: { ...process.env, BENCH_DATABASE_URL: url },
      })
      running.child.stdout?.on('data', (text) => String(text).startsWith('begin') && onBegin?.())
      const { stdout } = await running
      return JSON.parse(stdout.trim().split('\n').at(-1)!) as Figures
    },
    [Symbol.asyncDispose]: () => rm(outDir, { recursive: true }),
  }
}
