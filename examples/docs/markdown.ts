/** The pages of the repository, and what is in them that can be checked. */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

export const root: string = path.resolve(import.meta.dirname, '../..')

/** One page. */
export interface Page {
  /** Path from the root of the repository. */
  readonly file: string
  readonly text: string
}

/** Every page written for readers. Decisions are history: they keep what was true when they were made. */
export function pages(): Page[] {
  return globSync(['*.md', 'docs/**/*.md', 'packages/*/README.md'], {
    cwd: root,
    exclude: ['docs/decisions/**', '**/node_modules/**'],
  })
    .sort()
    .map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }))
}

/** A fenced block of one language, and the line on which it begins. */
export interface Block {
  readonly line: number
  readonly code: string
}

/** The blocks of one language. */
export function blocks(text: string, language: string): Block[] {
  const found: Block[] = []
  for (const match of text.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)) {
    if (match[1] === language)
      found.push({ line: text.slice(0, match.index).split('\n').length + 1, code: match[2] ?? '' })
  }
  return found
}

/** Files that a page links to, as written. */
export function links(text: string): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
}

/** The program that the README shows: an example without its header, its way to a database and what it prints. */
export function readmeProgram(source: string): string {
  return source
    .replace(/^\/\*\*[\s\S]*?\*\/\n/, '')
    .replace("import './support/database.ts'\n", '')
    .replace(/\n\/\/ Prints:[\s\S]*$/, '')
}
