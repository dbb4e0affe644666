/**
 * Names that the docs use without declaring them. A block that declares one itself means its own.
 */
import type { Storage, TaskBuilder, TaskContext } from '@q/core'
import type { PostgresStorage } from '@q/postgres'
import type { Kysely } from 'kysely'
import type pg from 'pg'

interface DocsEmail {
  readonly to: string
}

interface DocsTables {
  orders: { id: number; item: string }
  charged: { task: string }
}

declare global {
  type Email = DocsEmail
  const pool: pg.Pool
  const db: Kysely<DocsTables>
  const emails: PostgresStorage<DocsEmail>
  const flows: PostgresStorage<unknown>
  const words: Storage<string>
  const many: AsyncIterable<TaskBuilder<DocsEmail>>
  const item: string
  const ctx: TaskContext
  function send(email: DocsEmail, options?: { readonly signal?: AbortSignal }): Promise<void>
}
