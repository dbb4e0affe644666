/** Every broken backend there is. */
import type { Mutant } from './mutant.ts'
import { pushMutants } from './push.ts'
import { claimMutants } from './claim.ts'
import { settleMutants } from './settle.ts'
import { leaseMutants } from './lease.ts'
import { readingMutants } from './reading.ts'
import { uniqueMutants } from './unique.ts'
import { cancelMutants } from './cancel.ts'
import { controlMutants } from './control.ts'
import { sharedLimitMutants } from './shared-limit.ts'
import { listMutants } from './list.ts'
import { historyMutants } from './history.ts'
import { runMutants } from './runs.ts'

export const MUTANTS: readonly Mutant[] = [
  ...pushMutants,
  ...claimMutants,
  ...settleMutants,
  ...leaseMutants,
  ...readingMutants,
  ...uniqueMutants,
  ...cancelMutants,
  ...controlMutants,
  ...sharedLimitMutants,
  ...listMutants,
  ...historyMutants,
  ...runMutants,
]
