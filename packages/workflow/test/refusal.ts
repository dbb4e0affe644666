/** What a call is refused with. */
import { isQError } from '@q/core'

/** `CODE message` of the QError that it throws. */
export function refusal(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (isQError(error)) return `${error.code} ${error.message}`
    throw error
  }
  throw new Error('It was not refused.')
}
