/**
 * Reads docs/parity.md and holds it against the repository: what it names exists.
 *
 * A row is `| ID | name | state | code | tests | docs |`. State: `done`; `different: why`; `not yet`, or `not yet: what is missing`. Code: paths from the
 * root. Tests: a path and the titles in it, in straight quotes. Docs: paths, with an anchor where that helps. Several
 * of each stand side by side.
 */
import { PARITY, type ParityArea } from './parity-rows.ts'

/** One row as it is written. */
export interface ParityRow {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly code: readonly string[]
  readonly tests: readonly { readonly file: string; readonly titles: readonly string[] }[]
  readonly docs: readonly { readonly file: string; readonly anchor: string | undefined }[]
}

/** Text of a file of the repository by its path from the root; undefined when there is none. */
export type ReadText = (file: string) => string | undefined

const CELLS = 6

/** The rows of all tables. @throws Error for a row with another number of cells. */
export function parityRows(page: string): ParityRow[] {
  return page
    .split('\n')
    .filter((line) => /^\| *[A-Z]\d\d/.test(line))
    .map((line) => {
      const cells = line
        .replaceAll(String.raw`\|`, '\0')
        .split('|')
        .slice(1, -1)
      const [id = '', name = '', state = '', code = '', tests = '', docs = ''] = cells.map((cell) =>
        cell.replaceAll('\0', '|').trim(),
      )
      if (cells.length !== CELLS)
        throw new Error(`docs/parity.md: row ${id} has ${cells.length} cells instead of ${CELLS}.`)
      return { id, name, state, code: quoted(code), tests: testsOf(tests), docs: quoted(docs).map(docOf) }
    })
}

/** What is wrong with the rows, a sentence for each; nothing when all is well. */
export function parityComplaints(
  rows: readonly ParityRow[],
  read: ReadText,
  areas: readonly ParityArea[] = PARITY,
): string[] {
  const wanted = areas.flatMap((area) => area.rows)
  const ids = rows.map(({ id }) => id)
  return [
    ...wanted.filter(([id]) => !ids.includes(id)).map(([id, name]) => `${id}: there is no row for it (${name}).`),
    ...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${id}: has two rows.`),
    ...rows.flatMap((row) => rowComplaints(row, read, wanted).map((complaint) => `${row.id}: ${complaint}`)),
  ]
}

function rowComplaints(row: ParityRow, read: ReadText, wanted: readonly (readonly [string, string])[]): string[] {
  const name = wanted.find(([id]) => id === row.id)?.[1]
  if (name === undefined) return ['no such row is asked for.']
  const said: string[] = []
  if (row.name !== name) said.push(`it is called "${name}", not "${row.name}".`)
  if (!/^(?:done|not yet(?:: .{5,})?|different: .{10,})$/.test(row.state))
    said.push(`its state must be "done", "not yet" (": what is missing") or "different: why", not "${row.state}".`)
  if (!row.state.startsWith('not yet'))
    for (const part of ['code', 'tests', 'docs'] as const) if (row[part].length === 0) said.push(`names no ${part}.`)
  for (const file of row.code) if (read(file) === undefined) said.push(`there is no file ${file}.`)
  for (const { file, titles } of row.tests) {
    const text = read(file)
    if (text === undefined) said.push(`there is no file ${file}.`)
    else if (titles.length === 0) said.push(`names no test in ${file}.`)
    else for (const title of titles) if (!hasTitle(text, title)) said.push(`${file} has no test "${title}".`)
  }
  for (const { file, anchor } of row.docs) {
    const text = read(file)
    if (text === undefined) said.push(`there is no file ${file}.`)
    else if (anchor !== undefined && !anchors(text).includes(anchor)) said.push(`${file} has no heading #${anchor}.`)
  }
  return said
}

/** What stands in backquotes. */
function quoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')
}

/** Each path in backquotes, with the titles in straight quotes that follow it. */
function testsOf(cell: string): { file: string; titles: string[] }[] {
  return [...cell.matchAll(/`([^`]+)`([^`]*)/g)].map((match) => ({
    file: match[1] ?? '',
    titles: [...(match[2] ?? '').matchAll(/"([^"]+)"/g)].map((title) => title[1] ?? ''),
  }))
}

function docOf(reference: string): { file: string; anchor: string | undefined } {
  const [file = '', anchor] = reference.split('#', 2)
  return { file, anchor }
}

/** Whether a test, or a case of the conformance suite, has exactly this title: a whole string of the source. */
export function hasTitle(source: string, title: string): boolean {
  const text = source.replaceAll(String.raw`\'`, "'")
  return ["'", '"', '`'].some((quote) => text.includes(quote + title + quote))
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchors(page: string): string[] {
  const prose = page.replaceAll(/^```[\s\S]*?^```$/gm, '')
  const slugs = [...prose.matchAll(/^#{1,6} +(.+?) *#*$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  )
  const seen = new Map<string, number>()
  return slugs.map((slug) => {
    const before = seen.get(slug) ?? 0
    seen.set(slug, before + 1)
    return before === 0 ? slug : `${slug}-${before}`
  })
}
