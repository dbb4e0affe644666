/** All runs of a memory backend: by id and by key, apart those that go on and those that have ended, in the order they did. */
import type { RunId } from '../backend/runs.ts'
import type { Receipt } from '../task/task.ts'
import type { Row } from './row.ts'
import type { RunRow } from './run-row.ts'

/** The runs of one memory backend. */
export class RunStore {
  readonly #byKey = new Map<string, RunRow>()
  readonly #runs = new Map<RunId, RunRow>()
  readonly #goOn = new Set<RunRow>()
  readonly #ended = new Set<RunRow>()
  readonly #keepEnded: number
  #ends = 0

  constructor(keepEnded: number) {
    this.#keepEnded = keepEnded
  }

  get(id: RunId): RunRow | undefined {
    return this.#runs.get(id)
  }

  /** Every run, in no order that means anything. */
  all(): Iterable<RunRow> {
    return this.#runs.values()
  }

  /** Those that have not ended. */
  goingOn(): Iterable<RunRow> {
    return this.#goOn
  }

  /** Those that have ended, the first to end first. */
  ended(): Iterable<RunRow> {
    return this.#ended
  }

  /** How many more than are to be kept have ended. */
  get excess(): number {
    return this.#ended.size - this.#keepEnded
  }

  /** Stores a run, unless there is one with its key or id. Its steps are stored by the caller. */
  start(run: RunRow): Receipt {
    const key = keyOf(run)
    const known = (key === null ? undefined : this.#byKey.get(key)) ?? this.#runs.get(run.id)
    if (known !== undefined) return { id: known.id, outcome: 'duplicate' }
    this.#runs.set(run.id, run)
    this.#goOn.add(run)
    if (key !== null) this.#byKey.set(key, run)
    return { id: run.id, outcome: 'created' }
  }

  /** Makes a stored row a step of its run, if it is one. */
  attach(row: Row): void {
    const run = row.step === null ? undefined : this.#runs.get(row.step.run)
    if (run === undefined) return
    row.run = run
    run.steps.set(row.id, row)
    run.living.add(row)
  }

  /** Notes that a row has ended. */
  stepEnded(row: Row): void {
    row.run?.mailbox.forget(row)
    row.run?.living.delete(row)
  }

  /** Notes that a run has ended. */
  end(run: RunRow): void {
    this.#ends += 1
    run.finishOrder = this.#ends
    this.#goOn.delete(run)
    this.#ended.add(run)
  }

  /** Notes that a run goes on again. */
  revive(run: RunRow): void {
    this.#ended.delete(run)
    this.#goOn.add(run)
  }

  /** Forgets a run that has ended. Its steps are forgotten by the caller. */
  forget(run: RunRow): void {
    const key = keyOf(run)
    this.#ended.delete(run)
    this.#runs.delete(run.id)
    if (key !== null) this.#byKey.delete(key)
  }
}

function keyOf({ queue, workflow, key }: RunRow): string | null {
  return key === null ? null : JSON.stringify([queue, workflow, key])
}
