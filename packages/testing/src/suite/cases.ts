/** Every case there is, in reading order. */
import type { ConformanceCase } from './case.ts'
import { acquireCases } from './section/acquire.ts'
import { argumentCases } from './section/arguments.ts'
import { attemptCases } from './section/attempts.ts'
import { cancelHeldCases } from './section/cancel-held.ts'
import { cancelRunCases } from './section/cancel-runs.ts'
import { cancelCases } from './section/cancel.ts'
import { checkpointCases } from './section/checkpoint.ts'
import { claimOrderCases } from './section/claim-order.ts'
import { closingCases } from './section/closing.ts'
import { commandWorkerCases } from './section/command-worker.ts'
import { countTasksCases } from './section/count-tasks.ts'
import { errorGroupsCases } from './section/error-groups.ts'
import { eventsCases } from './section/events.ts'
import { exclusivityCases } from './section/exclusivity.ts'
import { fencingCases } from './section/fencing.ts'
import { fetchByIdCases } from './section/fetch-by-id.ts'
import { followCases } from './section/follow.ts'
import { hostileCases } from './section/hostile.ts'
import { joinCases } from './section/joins.ts'
import { keyCases } from './section/keys.ts'
import { leaseCases } from './section/lease.ts'
import { limitCases } from './section/limits.ts'
import { listAttemptsCases } from './section/list-attempts.ts'
import { listQueuesCases } from './section/list-queues.ts'
import { listRunsCases } from './section/list-runs.ts'
import { listTasksCases } from './section/list-tasks.ts'
import { listWorkersCases } from './section/list-workers.ts'
import { childRunCases, listenCases } from './section/listen.ts'
import { mailboxCases } from './section/mailbox.ts'
import { metricsCases } from './section/metrics.ts'
import { pageCases } from './section/pages.ts'
import { pauseCases } from './section/pause.ts'
import { pushCases } from './section/push.ts'
import { quarantineCases } from './section/quarantine.ts'
import { removeCases } from './section/remove.ts'
import { replaceCases } from './section/replace.ts'
import { reportCases } from './section/report.ts'
import { resumeByIdCases } from './section/resume-by-id.ts'
import { repairRunCases, retryRunCases } from './section/retry-runs.ts'
import { runEndCases } from './section/run-ends.ts'
import { runSettleCases } from './section/run-settle.ts'
import { runArgumentCases } from './section/run-arguments.ts'
import { runCases } from './section/runs.ts'
import { settleCases } from './section/settle.ts'
import { stepEndCases } from './section/step-ends.ts'
import { sweepCases } from './section/sweep.ts'
import { timeCases } from './section/time.ts'
import { transactionCases } from './section/transaction.ts'
import { transactionalCases } from './section/transactional.ts'
import { uniqueRaceCases } from './section/unique-race.ts'
import { uniqueCases } from './section/unique.ts'
import { updateCases } from './section/update.ts'
import { vacuumRunCases } from './section/vacuum-runs.ts'
import { vacuumCases } from './section/vacuum.ts'
import { waitRunsCases } from './section/wait-runs.ts'
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
  ...limitCases,
  ...leaseCases,
  ...sweepCases,
  ...quarantineCases,
  ...waitCases,
  ...hostileCases,
  ...argumentCases,
  ...closingCases,
  ...wakeCases,
  ...fetchByIdCases,
  ...uniqueCases,
  ...uniqueRaceCases,
  ...replaceCases,
  ...updateCases,
  ...cancelCases,
  ...cancelHeldCases,
  ...resumeByIdCases,
  ...removeCases,
  ...pauseCases,
  ...commandWorkerCases,
  ...vacuumCases,
  ...acquireCases,
  ...listTasksCases,
  ...countTasksCases,
  ...listQueuesCases,
  ...listWorkersCases,
  ...listAttemptsCases,
  ...reportCases,
  ...metricsCases,
  ...errorGroupsCases,
  ...eventsCases,
  ...runCases,
  ...runSettleCases,
  ...joinCases,
  ...runEndCases,
  ...stepEndCases,
  ...cancelRunCases,
  ...retryRunCases,
  ...repairRunCases,
  ...vacuumRunCases,
  ...runArgumentCases,
  ...listRunsCases,
  ...waitRunsCases,
  ...mailboxCases,
  ...listenCases,
  ...childRunCases,
  ...pageCases,
  ...transactionCases,
  ...transactionalCases,
]
