/** What `q-workflow check` is given: a run that waits in a build of yesterday, and the builds of today. */
import { MemoryStorage } from '@q/core/memory'
import { signal, Workflow } from '@q/workflow'

const before = new Workflow<number>('flow', { version: '1' }).waitFor('go', signal('go'))
const after = new Workflow<number>('flow', { version: '2' }).waitFor('wait', signal('go'))
const renamed = new Workflow<number>('flow', { version: '2' }).waitFor('wait', signal('go'), { aliases: ['go'] })

export const store: MemoryStorage<unknown> = new MemoryStorage<unknown>({ queue: 'flows' })
await before.pushStart(store, 1, { id: '01a20f16-fa54-7009-874c-821e4caef7ac' })

// What keeps a process, as a pool of connections would.
setInterval(() => undefined, 60_000)

const builds: Readonly<Record<string, unknown>> = { after: [after], renamed: [renamed], none: undefined }
export const workflows: unknown = builds[process.env['Q_BUILD'] ?? 'after']
