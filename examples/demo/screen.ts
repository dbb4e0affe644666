/** What the demo prints: one line that changes on a terminal, plain lines elsewhere, and a table. */

const { stdout } = process
/** A plain line is written this often, a changing one as often as it is given. */
const PLAIN_EVERY_MS = 1_000

/** Shows progress. */
export class Screen {
  #lastAt = 0
  #open = false

  /** Shows how far it is: over the line before on a terminal, at most once a second elsewhere. */
  progress(text: string): void {
    if (stdout.isTTY) {
      stdout.write(`\r\u001B[K${text.slice(0, Math.max(1, stdout.columns - 1))}`)
      this.#open = true
      return
    }
    const now = performance.now()
    if (now - this.#lastAt < PLAIN_EVERY_MS) return
    this.#lastAt = now
    stdout.write(`${text}\n`)
  }

  /** Writes lines that stay. */
  say(text: string): void {
    if (this.#open) stdout.write('\r\u001B[K')
    this.#open = false
    stdout.write(`${text}\n`)
  }
}

/** Rows as aligned columns; numbers to the right. The last row is set apart. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const shown = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)))
  const widths = header.map((name, column) => Math.max(name.length, ...shown.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  const body = shown.map(line)
  return [line(header), rule, ...body.slice(0, -1), rule, ...body.slice(-1)].join('\n')
}
