/** After the main job: a few tasks every second, so that there is something to see. */
import { sleep, systemClock, task } from '@q/core'
import type { Storages, Tally } from './job.ts'
import { lots, MAX_ATTEMPTS, QUEUES } from './input.ts'
import type { Screen } from './screen.ts'

const PAUSE_MS = 250

/** Pushes until the signal aborts. */
export async function trickle(
  screen: Screen,
  storages: Storages,
  tally: Tally,
  seed: number,
  signal: AbortSignal,
): Promise<void> {
  const random = lots(seed + 1)
  const before = tally.done
  for (let n = 0; !signal.aborted; n++) {
    const queue = QUEUES[Math.floor(random() * QUEUES.length)] ?? 'emails'
    const fate = random() < 0.1 ? 'flaky' : random() < 0.02 ? 'refused' : 'fine'
    // Above the orders there are: each invoice charges an order of its own.
    const job = { n: 1_000_000 + n, fate, text: `${queue} ${n}` } as const
    await storages[queue].push(task(job).maxAttempts(MAX_ATTEMPTS))
    screen.progress(`trickle: pushed ${n + 1}, done ${tally.done - before}`)
    await sleep(systemClock, PAUSE_MS, signal)
  }
}
