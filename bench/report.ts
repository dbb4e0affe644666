/** Turns series into a table for people, lines of what must be shown, and a file for machines. */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Series } from './harness.ts'
import { summary } from './harness.ts'
import type { Environment } from './machine.ts'

/** One figure of the table. */
export interface Column {
  readonly figure: string
  readonly title: string
  readonly digits: number
}

/** Something the project must show. */
export interface Check {
  readonly what: string
  readonly value: number
  readonly bound: number
  /** `least`: the value may not be below the bound; `most`: not above. */
  readonly kind: 'least' | 'most'
  readonly unit?: string
}

/** What a benchmark hands back. */
export interface Result {
  readonly name: string
  /** What is measured, in a sentence or two. */
  readonly about: string
  readonly columns: readonly Column[]
  readonly series: readonly Series[]
  /** Comparisons worth a line; medians of ratios taken within rounds. */
  readonly ratios?: readonly { readonly what: string; readonly value: number }[]
  readonly checks: readonly Check[]
}

/** Whether a check holds; a figure that could not be measured does not. */
export function holds({ value, bound, kind }: Check): boolean {
  return kind === 'least' ? value >= bound : value <= bound
}

/** The result as text: a table of medians, then one line per check. */
export function render(result: Result): string {
  const { name, about, columns, series, ratios = [], checks } = result
  const head = ['', ...columns.map((column) => column.title), 'spread']
  const rows = series.map((each) => {
    const first = summary(each, columns[0]!.figure)
    const cells = columns.map(({ figure, digits }) => number(summary(each, figure).median, digits))
    return [each.name, ...cells, `±${number(((first.max - first.min) / 2 / first.median) * 100, 0)}%`]
  })
  const notes = series.map((each) => `  ${each.name}: ${each.note}`)
  const compared = ratios.map(({ what, value }) => `ratio  ${what}: ${number(value, 2)}`)
  return [`\n${name}: ${about}`, ...table([head, ...rows]), ...notes, ...compared, ...checks.map(renderCheck)].join(
    '\n',
  )
}

/** `ok claim + settle, statements per task: 0.011 (at most 0.02)` */
export function renderCheck(check: Check): string {
  const { what, value, bound, kind, unit = '' } = check
  return `${holds(check) ? 'ok    ' : 'MISSED'} ${what}: ${number(value, 3)}${unit} (at ${kind} ${bound}${unit})`
}

/** Writes `results/<name>.json`. */
export async function save(result: Result, environment: Environment): Promise<string> {
  const folder = path.join(import.meta.dirname, 'results')
  await mkdir(folder, { recursive: true })
  const file = path.join(folder, `${result.name}.json`)
  const checks = result.checks.map((check) => ({ ...check, ok: holds(check) }))
  const rounded = (key: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value
  await writeFile(
    file,
    `${JSON.stringify({ name: result.name, about: result.about, environment, checks, ratios: result.ratios ?? [], series: result.series }, rounded, 2)}\n`,
  )
  return path.relative(process.cwd(), file)
}

function number(value: number, digits: number): string {
  if (!Number.isFinite(value)) return '-'
  return value.toLocaleString('en-US', {
    maximumFractionDigits: digits,
    minimumFractionDigits: Math.min(digits, Math.abs(value) >= 1000 ? 0 : digits),
  })
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  return rows.map(
    (row) =>
      `  ${row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  ')}`,
  )
}
