/** The entry `@q/core/memory`: tasks in the memory of one process. */
export type { MemoryBackendOptions } from './memory-backend.ts'
export { MemoryBackend } from './memory-backend.ts'
export type { MemoryStorageOptions } from './memory-storage.ts'
export { MemoryStorage } from './memory-storage.ts'
