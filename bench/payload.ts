/** The task every contender carries: a small JSON object of exactly 100 bytes. */

/** What is in a task. */
export interface Payload {
  readonly n: number
  readonly text: string
}

const BYTES = 100

/** The n-th payload; its JSON has 100 bytes whatever `n`, up to 10^12. */
export function payload(n: number): Payload {
  const overhead = JSON.stringify({ n, text: '' }).length
  return { n, text: 'x'.repeat(BYTES - overhead) }
}

/** Payloads 0 to count - 1, made when asked for. */
export function* payloads(count: number): Generator<Payload> {
  for (let n = 0; n < count; n++) yield payload(n)
}
