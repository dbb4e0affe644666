/** The steps of a run as people want to see them. */
import type { RunId, Runs, StoredTask } from '@q/core'

/** One step. */
export interface StepInfo {
  readonly id: string
  readonly node: string
  /** Which of the node's tasks it is. */
  readonly index: number
  readonly status: StoredTask['status']
  readonly attempt: number
  readonly createdAt: number
  readonly runAt: number
  readonly finishedAt: number | null
  readonly error: StoredTask['error']
}

/** Steps of a run, read page by page. */
export async function* stepsOf(
  runs: Pick<Runs, 'listSteps'>,
  run: RunId,
  filter: { readonly unfinished?: boolean } = {},
): AsyncGenerator<StepInfo, void, void> {
  for await (const { id, step, status, attempt, createdAt, runAt, finishedAt, error } of storedSteps(runs, run, filter))
    yield { id, node: step?.node ?? '', index: step?.index ?? 0, status, attempt, createdAt, runAt, finishedAt, error }
}

/** The same as they are stored. */
export async function* storedSteps(
  runs: Pick<Runs, 'listSteps'>,
  run: RunId,
  filter: { readonly unfinished?: boolean } = {},
): AsyncGenerator<StoredTask, void, void> {
  let cursor: string | null | undefined = undefined
  do {
    const page: Awaited<ReturnType<Runs['listSteps']>> = await runs.listSteps(run, filter, {
      limit: 200,
      ...(cursor === undefined ? {} : { cursor }),
    })
    yield* page.items
    cursor = page.next
  } while (cursor !== null)
}
