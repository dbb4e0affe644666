/**
 * Writes what is generated in the docs: `npm run toolchain -- node --conditions=@q/source examples/docs/write.ts`.
 * The tests beside this file fail when it was forgotten.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { errorPage } from './error-page.ts'
import { blocks, readmeProgram, root } from './markdown.ts'
import { statusDiagram } from './status-diagram.ts'

writeFileSync(path.join(root, 'docs/reference/errors.md'), errorPage())
replaceFirst('README.md', 'ts', readmeProgram(readFileSync(path.join(root, 'examples/basic.ts'), 'utf8')))
replaceFirst('docs/concept/lifecycle.md', 'mermaid', statusDiagram())

/** Puts other code into the first block of a language. */
function replaceFirst(file: string, language: string, code: string): void {
  const full = path.join(root, file)
  const text = readFileSync(full, 'utf8')
  const shown = blocks(text, language)[0]?.code
  if (shown === undefined) throw new Error(`${file} has no block of ${language}.`)
  writeFileSync(
    full,
    text.replace(shown, () => code),
  )
}
