/** A typed queue in the memory of this process. */
import { QError } from '../error.ts'
import { checkKnownOptions } from '../options.ts'
import type { StorageOptions } from '../storage/options.ts'
import { STORAGE_OPTIONS } from '../storage/options.ts'
import { Storage } from '../storage/storage.ts'
import type { MemoryBackendOptions } from './memory-backend.ts'
import { MEMORY_BACKEND_OPTIONS, MemoryBackend } from './memory-backend.ts'

/** How a {@link MemoryStorage} is set up. All optional; with `backend`, its clock and bound are the backend's. */
export interface MemoryStorageOptions<Input, Result = unknown, Args = Input, Returns = Result>
  extends StorageOptions<Input, Result, Args, Returns>, MemoryBackendOptions {
  /** Share one backend between several queues. Default: a new one. Closing any of them closes it for all. */
  readonly backend?: MemoryBackend
}

/**
 * A queue for tests, tools and work that may die with its process.
 *
 *     const emails = new MemoryStorage<Email>({ queue: 'emails' })
 *     await emails.push({ to: 'someone@example.com' })
 */
export class MemoryStorage<Input, Result = unknown, Args = Input, Returns = Result> extends Storage<
  Input,
  never,
  Result,
  Args,
  Returns
> {
  declare readonly backend: MemoryBackend

  /** @throws QError `ERR_OPTION`, `ERR_QUEUE_NAME` */
  constructor(options: MemoryStorageOptions<Input, Result, Args, Returns> = {}) {
    checkKnownOptions('MemoryStorage', options, [...STORAGE_OPTIONS, ...MEMORY_BACKEND_OPTIONS, 'backend'])
    const { backend: given, clock, keepFinished, ...rest } = options
    const backend = given === undefined ? ownBackend({ clock, keepFinished }) : shared(given, options)
    super(backend, rest, backend.clock)
  }
}

function ownBackend(options: {
  readonly [Name in keyof MemoryBackendOptions]: MemoryBackendOptions[Name] | undefined
}): MemoryBackend {
  const { clock, keepFinished } = options
  return new MemoryBackend({
    ...(clock === undefined ? {} : { clock }),
    ...(keepFinished === undefined ? {} : { keepFinished }),
  })
}

function shared(backend: MemoryBackend, options: MemoryBackendOptions): MemoryBackend {
  for (const name of MEMORY_BACKEND_OPTIONS) {
    if (options[name] !== undefined)
      throw new QError('ERR_OPTION', `MemoryStorage: give ${name} to the MemoryBackend, not together with backend.`)
  }
  if (typeof backend?.claim === 'function') return backend
  throw new QError('ERR_OPTION', 'MemoryStorage: backend must be a MemoryBackend.')
}
