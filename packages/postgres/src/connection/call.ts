/**
 * Statements whose text is a constant of the schema: made once, so that the hot path compiles nothing.
 *
 * Such a statement is a call of a function, its arguments numbered and cast.
 */
import { CompiledQuery } from 'kysely'
import { quoteIdentifier } from '../schema/sql.ts'

/** Makes a query of one fixed text. */
export type FixedQuery<Row> = (schema: string, values: readonly unknown[]) => CompiledQuery<Row>

/**
 * A call of a function of the schema.
 * @param columns What is read of its rows.
 * @param types The types of its arguments, in order.
 */
export function callOf<Row>(name: string, columns: string, types: readonly string[]): FixedQuery<Row> {
  const texts = new Map<string, string>()
  const args = types.map((type, index) => `$${index + 1}::${type}`).join(', ')
  return (schema, values) => {
    let text = texts.get(schema)
    if (text === undefined) {
      text = `select ${columns} from ${quoteIdentifier(schema)}.${name}(${args})`
      texts.set(schema, text)
    }
    return CompiledQuery.raw(text, [...values]) as CompiledQuery<Row>
  }
}
