/**
 * What the workers really did, on a road that no fault of the suite can cut.
 *
 * Each process appends lines to a file of its own with one synchronous write per line: the line survives
 * the process's death and needs no database. Effects written here are independent of how, and whether, their
 * tasks are settled.
 */
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** One thing a worker process wrote down. `at`: milliseconds since the epoch. */
export interface Entry {
  readonly pid: number
  readonly at: number
  readonly kind:
    /** A handler began, its work took effect, its signal aborted. */
    | 'start'
    | 'effect'
    | 'abort'
    /** The store answered `stale` to this task's settlement. */
    | 'stale'
    /** A worker event that says that something went wrong or was recovered; its type is `what`. */
    | 'event'
  readonly id?: string | undefined
  readonly attempt?: number | undefined
  readonly what?: string | undefined
}

/** Writes for this process. */
export function openLedger(directory: string): (entry: Omit<Entry, 'pid' | 'at'>) => void {
  const file = path.join(directory, `${process.pid}-${Date.now()}.log`)
  return (entry) => appendFileSync(file, `${JSON.stringify({ pid: process.pid, at: Date.now(), ...entry })}\n`)
}

/** A directory of ledgers, in the order of time when read. */
export class Ledgers {
  readonly directory: string = mkdtempSync(path.join(tmpdir(), 'q-fault-'))

  read(): Entry[] {
    return readdirSync(this.directory)
      .filter((name) => name.endsWith('.log'))
      .flatMap((name) => readFileSync(path.join(this.directory, name), 'utf8').split('\n'))
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as Entry)
      .sort((a, b) => a.at - b.at)
  }

  /** Entries of one kind. */
  of(kind: Entry['kind']): Entry[] {
    return this.read().filter((entry) => entry.kind === kind)
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
