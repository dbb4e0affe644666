/**
 * The kinds of tests, told apart by where a file is and what it is called:
 *
 *   unit      *.test.ts          no database, no other process
 *   types     *.test-d.ts        compiled, never run
 *   postgres  *.test.ts in packages/postgres, *.pg.test.ts anywhere
 *   fault     *.fault.test.ts    child processes, signals, dying servers; one file at a time
 *   examples  examples/*.test.ts runs the example programs
 */
import { availableParallelism } from 'node:os'
import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const packages = '{packages,apps,tools}/*/test'
const databaseFiles = [`${packages}/**/*.pg.test.ts`, 'packages/postgres/test/**/*.test.ts']
const faultFiles = [`${packages}/**/*.fault.test.ts`]
const databaseSetup = './tools/database/src/vitest.ts'
/** The files that take longest. Begun last, one of them would run alone at the end. */
const longFiles = [
  'postgres/test/conformance.test.ts',
  'postgres/test/budget.test.ts',
  'parallel/test/heartbeat.test.ts',
]

/** Vitest's own order, which knows durations only from earlier runs on the same machine, after the long files. */
class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean => longFiles.some((file) => moduleId.endsWith(file))
    const sorted = await super.sort(files)
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

const config: ViteUserConfig = defineConfig({
  // Packages are tested from their sources; nothing needs to be built first.
  ssr: { resolve: { conditions: ['@q/source', 'module', 'node', 'development|production'] } },
  test: {
    pool: 'forks',
    // Vitest leaves one core free, which of two is half the machine.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    sequence: { sequencer: LongFilesFirst },
    execArgv: ['--conditions=@q/source'],
    passWithNoTests: true,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [`${packages}/**/*.test.ts`],
          exclude: [...databaseFiles, ...faultFiles],
          // Loading the sources again for each file costs more than all these tests do.
          isolate: false,
          testTimeout: 10_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: [`${packages}/**/*.test-d.ts`],
            tsconfig: './tsconfig.types.json',
          },
        },
      },
      {
        extends: true,
        test: {
          name: 'postgres',
          include: databaseFiles,
          exclude: faultFiles,
          globalSetup: databaseSetup,
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'fault',
          include: faultFiles,
          globalSetup: databaseSetup,
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'examples',
          include: ['examples/**/*.test.ts'],
          globalSetup: databaseSetup,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})

export default config
