/** The public surface of `@q/msgpack`. */
export { msgpack } from './msgpack.ts'
