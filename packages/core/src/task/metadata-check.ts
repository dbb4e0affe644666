/** What may travel with a task beside its args: few and small strings that every store can keep. */
import { QError } from '../error.ts'
import type { Metadata } from './task.ts'

/** The most entries of one task. */
export const MAX_METADATA_ENTRIES = 64
/** The longest entry, name and value together, in characters. */
export const MAX_METADATA_LENGTH = 1_024

/**
 * A copy of the metadata, or throws.
 * @throws QError `ERR_OPTION`, naming the entry.
 */
export function checkMetadata(where: string, metadata: unknown): Metadata {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))
    throw new QError('ERR_OPTION', `${where}: metadata must be an object of strings.`)
  const entries = Object.entries(metadata)
  if (entries.length > MAX_METADATA_ENTRIES)
    throw new QError(
      'ERR_OPTION',
      `${where}: metadata holds at most ${MAX_METADATA_ENTRIES} entries, got ${entries.length}.`,
    )
  for (const [name, value] of entries) {
    if (
      typeof value !== 'string' ||
      name.length + value.length > MAX_METADATA_LENGTH ||
      !isStorable(name) ||
      !isStorable(value)
    ) {
      throw new QError(
        'ERR_OPTION',
        `${where}: metadata["${name.slice(0, 60).toWellFormed()}"] must be a string, name and value together at most ${MAX_METADATA_LENGTH} characters, without NUL or lone surrogates.`,
      )
    }
  }
  return Object.fromEntries(entries) as Metadata
}

/** Whether every store can keep the text: well formed, no NUL. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
