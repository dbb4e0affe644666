/** What a worker's registration says of it where it does not say so itself: host and process. */
import { hostname } from 'node:os'
import { pid } from 'node:process'
import type { WorkerAbout, WorkerRegistration } from '@q/core'

/** The worker as it is stored; one that says nothing of itself has nothing said of it. */
export function aboutOf({ about }: WorkerRegistration): WorkerAbout {
  return about === undefined ? {} : { host: hostname(), pid, ...about }
}
