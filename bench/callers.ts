/** Callers that each make one call after the other. */

/** Makes calls 0 to `count` - 1, `concurrent` at a time. Rejects with the first that rejects. */
export async function callers(concurrent: number, count: number, call: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < count) await call(next++)
  }
  await Promise.all(Array.from({ length: concurrent }, caller))
}
