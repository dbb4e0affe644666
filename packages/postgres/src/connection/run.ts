/** How a query is sent without saying where: on a connection of the engine, or in the caller's transaction. */
import type { CompiledQuery } from 'kysely'

/** Runs a query somewhere: on a control connection, or in the caller's transaction. */
export type Run = <Row>(query: CompiledQuery<Row>, what: string) => Promise<readonly Row[]>
