/** What the docs show compiles, what they link to exists, and what is generated is up to date. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { errorPage } from './error-page.ts'
import { blocks, links, pages, readmeProgram, root } from './markdown.ts'
import { statusDiagram } from './status-diagram.ts'

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')
const shown = pages().flatMap(({ file, text }) =>
  blocks(text, 'ts').map(({ line, code }) => ({ name: `${file}:${line}`, code })),
)

test('the README shows examples/basic.ts', () => {
  expect(blocks(read('README.md'), 'ts')[0]?.code).toBe(readmeProgram(read('examples/basic.ts')))
})

test('the page of errors is made from the codes of core', () => {
  expect(read('docs/reference/errors.md')).toBe(errorPage())
})

test('the diagram of statuses is made from the legal steps of core', () => {
  expect(blocks(read('docs/concept/lifecycle.md'), 'mermaid')[0]?.code).toBe(statusDiagram())
})

test('every TypeScript block of README and docs compiles, and the check notices one that does not', () => {
  expect(shown.length).toBeGreaterThan(20)
  const wrong = [
    "await emails.push({ to: 'ada@example.com' }, { prio: 1 })",
    "import { WorkerBilder } from '@q/core'\nnew WorkerBilder('x')",
  ]
  const said = compile([...shown.map(({ code }) => code), ...wrong])
  expect(said.slice(0, shown.length)).toEqual(shown.map(() => []))
  expect(said.slice(shown.length).map((errors) => errors.length > 0)).toEqual([true, true])
})

test('every link to a file leads somewhere', () => {
  const dead = pages().flatMap(({ file, text }) =>
    links(text)
      .map((target) => target.replace(/#.*$/, ''))
      .filter((target) => target !== '' && !existsSync(path.join(root, path.dirname(file), target)))
      .map((target) => `${file}: ${target}`),
  )
  expect(dead).toEqual([])
})

/** What the compiler says about each program; each is a module of its own beside the names of context.ts. */
function compile(programs: readonly string[]): string[][] {
  const folder = mkdtempSync(path.join(tmpdir(), 'q-docs-'))
  try {
    symlinkSync(path.join(root, 'examples/node_modules'), path.join(folder, 'node_modules'))
    cpSync(path.join(import.meta.dirname, 'context.ts'), path.join(folder, 'context.ts'))
    writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }')
    const compilerOptions = { isolatedDeclarations: false, declaration: false, rootDir: '/' }
    writeFileSync(
      path.join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: path.join(root, 'tsconfig.base.json'), compilerOptions, include: ['*.ts'] }),
    )
    for (const [index, code] of programs.entries())
      writeFileSync(path.join(folder, `block-${index}.ts`), `${code}\nexport {}\n`)
    const { stdout } = spawnSync('tsc', ['--project', folder, '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
    const lines = stdout.split('\n').filter((line) => line.includes('error TS'))
    const said = programs.map((_, index) =>
      lines.filter((line) => line.startsWith(`block-${index}.ts(`)).map((line) => `${shown[index]?.name} ${line}`),
    )
    expect(lines.filter((line) => !line.startsWith('block-'))).toEqual([])
    return said
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
