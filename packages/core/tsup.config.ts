import { defineConfig } from 'tsup'

const config: ReturnType<typeof defineConfig> = defineConfig({
  entry: {
    index: 'src/index.ts',
    memory: 'src/memory/index.ts',
    middleware: 'src/middleware/index.ts',
  },
  format: ['esm', 'cjs'],
  // Entry points share their classes, in CommonJS too: without this each would carry its own copy,
  // and `instanceof` would fail between them.
  splitting: true,
  dts: true,
  target: 'node22',
  platform: 'neutral',
  sourcemap: true,
  clean: true,
})

export default config
