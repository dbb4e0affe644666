/** Makes one file of the worker program: a process that starts in a tenth of a second can be killed three times in one. */
import path from 'node:path'
import { build } from 'tsup'

/** @returns The program, in this folder. */
export async function bundleWorker(folder: string): Promise<string> {
  await build({
    config: false,
    silent: true,
    entry: { worker: path.join(import.meta.dirname, 'worker-process.ts') },
    format: 'esm',
    outExtension: () => ({ js: '.mjs' }),
    outDir: folder,
    target: 'node22',
    noExternal: [/.*/],
    external: ['pg-native'],
    // What is CommonJS in there still asks for modules of Node.
    banner: { js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)` },
    esbuildOptions: (options) => {
      options.conditions = ['@q/source']
    },
  })
  return path.join(folder, 'worker.mjs')
}
