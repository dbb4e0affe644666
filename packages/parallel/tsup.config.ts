import { defineConfig } from 'tsup'

const config: ReturnType<typeof defineConfig> = defineConfig({
  // thread.js is what threads run, from both worlds; nobody imports it.
  entry: { index: 'src/index.ts', thread: 'src/thread.ts' },
  format: ['esm', 'cjs'],
  // CommonJS has no import.meta.url, by which thread.js is found.
  shims: true,
  dts: { entry: { index: 'src/index.ts' } },
  target: 'node22',
  sourcemap: true,
  clean: true,
})

export default config
