/** Every broken backend there is. */
import type { Mutant } from './mutant.ts'
import { pushMutants } from './push.ts'
import { claimMutants } from './claim.ts'
import { settleMutants } from './settle.ts'
import { leaseMutants } from './lease.ts'
import { readingMutants } from './reading.ts'

export const MUTANTS: readonly Mutant[] = [
  ...pushMutants,
  ...claimMutants,
  ...settleMutants,
  ...leaseMutants,
  ...readingMutants,
]
