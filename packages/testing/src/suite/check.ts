/** What the cases assert with. Plain `node:assert`, so that a case needs no test runner. */
import assert from 'node:assert/strict'
import type { ErrorCode, TaskId } from '@q/core'
import { isQError } from '@q/core'

/** Fails unless the bytes are the same, whatever kind of byte array they come in. */
export function sameBytes(actual: Uint8Array | null | undefined, expected: Uint8Array, what: string): void {
  assert.ok(actual instanceof Uint8Array, `${what}: expected ${expected.byteLength} bytes, got ${String(actual)}`)
  assert.equal(
    Buffer.compare(actual, expected),
    0,
    `${what}: ${actual.byteLength} bytes came back that differ from the ${expected.byteLength} stored`,
  )
}

/** Fails unless the promise rejects with an error of this code. */
export async function rejects(code: ErrorCode, promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => assert.fail(`expected ${code}, but the call succeeded`),
    (reason: unknown) => reason,
  )
  if (isQError(error, code)) return error
  throw new assert.AssertionError({ message: `expected ${code}, got ${String(error)}`, actual: error, expected: code })
}

/** A promise that is awaited later: if it rejects before that, it is not an unhandled rejection. */
export function started<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

/** The ids, in order. */
export function idsOf(tasks: readonly { readonly id: TaskId }[]): TaskId[] {
  return tasks.map((task) => task.id)
}

/** The entries of an object in the order of their names: which one a store keeps is its own affair. */
export function entriesOf(object: Readonly<Record<string, string>> | null): [string, string][] {
  return Object.entries(object ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Fails unless both hold the same ids, in any order, each once. */
export function sameIds(
  actual: readonly { readonly id: TaskId }[],
  expected: readonly { readonly id: TaskId }[],
): void {
  assert.deepEqual(idsOf(actual).sort(), idsOf(expected).sort())
}

/** Numbers from 0 to below 1 that are the same in every run, for cases that draw lots. */
export function lots(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
