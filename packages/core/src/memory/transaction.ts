/** There are no transactions in memory. What is to happen with one is refused: without it, it would happen at once, and stay. */
import { QError } from '../error.ts'

/** Of the contract's calls that take a transaction. The types let none through; programs without types may give one. */
export interface InTransaction {
  readonly tx?: undefined
}

/** @throws QError `ERR_NOT_SUPPORTED` when a transaction is given. */
export function refuseTransaction(call: string, options: { readonly tx?: unknown } = {}): void {
  if (options.tx === undefined) return
  throw new QError(
    'ERR_NOT_SUPPORTED',
    `The memory backend has no transactions, so that ${call} cannot be part of one. Leave "tx" out, or use a backend that has them.`,
  )
}
