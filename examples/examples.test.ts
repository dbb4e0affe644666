/**
 * Every example is a program that ends by itself and prints exactly what its last comment says.
 *
 * Each runs as a process of its own on an empty database, which needs the right to create databases.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, inject, test } from 'vitest'
import { withFreshDatabase } from './support/fresh-database.ts'
import { start } from './support/program.ts'

const TIMEOUT_MS = 40_000
const PRINTS = '\n// Prints:\n'

const examples = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .sort()

test.each(examples)('%s prints what it says and ends', async (file) => {
  const source = readFileSync(path.join(import.meta.dirname, file), 'utf8')
  const name = `q_example_${path.basename(file, '.ts').replaceAll('-', '_')}`
  const ended = await withFreshDatabase(inject('databaseUrl'), name, (url) => start(file, [], url, TIMEOUT_MS).ended)
  expect(ended).toEqual({ code: 0, output: promisedOutput(source), errors: '' })
})

test.each(examples)('%s is one screen and says why it exists', (file) => {
  const source = readFileSync(path.join(import.meta.dirname, file), 'utf8')
  expect(source.split('\n').length).toBeLessThanOrEqual(61)
  expect(source).toMatch(/^\/\*\*/)
})

function promisedOutput(source: string): string {
  const at = source.indexOf(PRINTS)
  expect(at, 'an example ends with a comment "// Prints:"').toBeGreaterThan(0)
  const lines = source
    .slice(at + PRINTS.length)
    .trimEnd()
    .split('\n')
  return lines.map((line) => `${line.replace(/^\/\/ {3}/, '')}\n`).join('')
}
