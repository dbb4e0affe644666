import { defineConfig } from 'tsup'

const config: ReturnType<typeof defineConfig> = defineConfig({
  entry: { index: 'src/index.ts' },
  // vitest is an ES module; what imports it cannot be required.
  format: ['esm'],
  dts: true,
  target: 'node22',
  sourcemap: true,
  clean: true,
})

export default config
