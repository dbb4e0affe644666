/** Every case there is, in reading order. */
import type { ConformanceCase } from './case.ts'
import { attemptCases } from './section/attempts.ts'
import { checkpointCases } from './section/checkpoint.ts'
import { claimOrderCases } from './section/claim-order.ts'
import { closingCases } from './section/closing.ts'
import { exclusivityCases } from './section/exclusivity.ts'
import { fencingCases } from './section/fencing.ts'
import { fetchByIdCases } from './section/fetch-by-id.ts'
import { followCases } from './section/follow.ts'
import { hostileCases } from './section/hostile.ts'
import { keyCases } from './section/keys.ts'
import { leaseCases } from './section/lease.ts'
import { pushCases } from './section/push.ts'
import { quarantineCases } from './section/quarantine.ts'
import { settleCases } from './section/settle.ts'
import { sweepCases } from './section/sweep.ts'
import { timeCases } from './section/time.ts'
import { transactionCases } from './section/transaction.ts'
import { waitCases } from './section/wait.ts'
import { wakeCases } from './section/wake.ts'

/** The conformance suite as data. */
export const CASES: readonly ConformanceCase[] = [
  ...pushCases,
  ...keyCases,
  ...claimOrderCases,
  ...exclusivityCases,
  ...attemptCases,
  ...settleCases,
  ...fencingCases,
  ...timeCases,
  ...followCases,
  ...checkpointCases,
  ...leaseCases,
  ...sweepCases,
  ...quarantineCases,
  ...waitCases,
  ...hostileCases,
  ...closingCases,
  ...wakeCases,
  ...fetchByIdCases,
  ...transactionCases,
]
