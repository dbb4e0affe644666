/** Every test of the engine, in the order in which one would read them. */
import { againSuite } from './again.ts'
import { chainSuite } from './chain.ts'
import { dagSuite } from './dag.ts'
import { deploySuite } from './deploy.ts'
import { endsSuite } from './ends.ts'
import { mapSuite } from './map.ts'
import { retrySuite } from './retry.ts'
import { slicesSuite } from './slices.ts'
import { steerSuite } from './steer.ts'
import { waitsSuite } from './waits.ts'
import type { Bench } from './support.ts'

/** Runs all of them on one backend. */
export function engineSuite(bench: Bench): void {
  chainSuite(bench)
  mapSuite(bench)
  slicesSuite(bench)
  steerSuite(bench)
  dagSuite(bench)
  endsSuite(bench)
  retrySuite(bench)
  againSuite(bench)
  waitsSuite(bench)
  deploySuite(bench)
}
