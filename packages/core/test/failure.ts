/** Runs something that must fail with one of this project's errors, and hands the error back. */
import { expect } from 'vitest'
import type { ErrorCode, QError } from '../src/error.ts'
import { isQError } from '../src/error.ts'

export function failure(code: ErrorCode, run: () => unknown): QError {
  try {
    run()
  } catch (error) {
    return checked(code, error)
  }
  return expect.fail(`nothing was thrown, expected ${code}`)
}

export async function rejection(code: ErrorCode, promise: Promise<unknown>): Promise<QError> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return checked(code, error)
  }
  return expect.fail(`resolved with ${JSON.stringify(value)}, expected ${code}`)
}

function checked(code: ErrorCode, error: unknown): QError {
  if (isQError(error, code)) return error
  throw error
}
