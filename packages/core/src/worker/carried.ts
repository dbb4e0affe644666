/**
 * Metadata that an attempt gives to the tasks that follow it.
 *
 * What one call of `ctx.carry` gives goes together or not at all: half of it, beside a namesake from elsewhere, would be wrong.
 */
import { MAX_METADATA_ENTRIES } from '../task/metadata-check.ts'
import type { Metadata, NewTask } from '../task/task.ts'

/** Adds what one more call gives; what an earlier call gave under one of its names is replaced whole. */
export function addCarried(carried: readonly Metadata[], more: Metadata): readonly Metadata[] {
  return [...carried.filter((each) => !meet(each, more)), more]
}

/** The task with what is carried; without what it brings itself under one of the names, and what there is no room for. */
export function withCarried(task: NewTask, carried: readonly Metadata[]): NewTask {
  let metadata = task.metadata ?? {}
  for (const each of carried) {
    const both = { ...metadata, ...each }
    if (!meet(metadata, each) && Object.keys(both).length <= MAX_METADATA_ENTRIES) metadata = both
  }
  return metadata === task.metadata ? task : { ...task, metadata }
}

function meet(some: Metadata, others: Metadata): boolean {
  return Object.keys(others).some((name) => Object.hasOwn(some, name))
}
