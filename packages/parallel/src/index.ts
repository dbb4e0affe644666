/** The public surface of `@q/parallel`. */
export type { ParallelHandler, ParallelizeOptions } from './parallelize.ts'
export { parallelize } from './parallelize.ts'
export type { ThreadContext, ThreadHandler } from './thread-context.ts'
