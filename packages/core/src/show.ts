/** Shows any value in a message: short, and without ever throwing. */
import { toErrorRecord } from './error-record.ts'

const MAX_LENGTH = 80

/** Strings quoted, the rest as `String` shows it, cut; what cannot be shown by its kind. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, MAX_LENGTH).toWellFormed())
  if (typeof value === 'bigint') return `${value}n`
  try {
    return String(value).slice(0, MAX_LENGTH)
  } catch {
    return typeof value
  }
}

/** A text that ends like a sentence, so that another can follow. */
export function sentence(text: string): string {
  return /[.!?…]\s*$/.test(text) ? text.trimEnd() : `${text.trimEnd()}.`
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return toErrorRecord(thrown).message
}
