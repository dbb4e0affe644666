import { PostgresStorage } from '@q/postgres'
import { afterEach, describe, expect, test } from 'vitest'
import { testSchema, type TestSchema } from './support/schema.ts'

describe('setup', () => {
  let on: TestSchema
  afterEach(() => on.end())

  test('twenty processes at once make one schema and each step is recorded once', async () => {
    on = await testSchema(false)
    const reports = await Promise.all(
      Array.from({ length: 20 }, () => PostgresStorage.setup(on.pool, { schema: on.schema })),
    )
    expect(reports.filter((report) => report.applied.length > 0)).toHaveLength(1)
    expect(await on.rows('select version from $schema.migration')).toHaveLength(PostgresStorage.migrations().length)
  })

  test('a second call changes nothing', async () => {
    on = await testSchema()
    expect(await PostgresStorage.setup(on.pool, { schema: on.schema })).toEqual({
      applied: [],
      version: PostgresStorage.migrations().length,
    })
  })

  test('a step that fails leaves nothing behind', async () => {
    on = await testSchema(false)
    await on.rows('create schema $schema')
    await on.rows('create table $schema.claim (mine int)')
    await expect(PostgresStorage.setup(on.pool, { schema: on.schema })).rejects.toMatchObject({
      code: 'ERR_BACKEND',
    })
    expect(
      await on.rows(
        `select relname from pg_class where relnamespace = $1::regnamespace and relkind in ('r', 'v', 'S')`,
        [`"${on.schema}"`],
      ),
    ).toEqual([{ relname: 'claim' }])
  })

  test('a schema upgraded by a newer, incompatible release is refused by setup and by use', async () => {
    on = await testSchema()
    await on.rows(`insert into $schema.migration (version, name, breaking) values (999, 'future', true)`)
    await expect(PostgresStorage.setup(on.pool, { schema: on.schema })).rejects.toMatchObject({
      code: 'ERR_SCHEMA_NEWER',
    })
    await expect(on.storage<number>().push(1)).rejects.toMatchObject({ code: 'ERR_SCHEMA_NEWER' })
  })

  test('a newer step that old workers can live with is accepted', async () => {
    on = await testSchema()
    await on.rows(`insert into $schema.migration (version, name, breaking) values (999, 'future', false)`)
    await PostgresStorage.setup(on.pool, { schema: on.schema })
    await expect(on.storage<number>().push(1)).resolves.toMatchObject({ outcome: 'created' })
  })

  test('using a schema that was never set up says so, and works once it is', async () => {
    on = await testSchema(false)
    const storage = on.storage<number>()
    await expect(storage.push(1)).rejects.toMatchObject({
      code: 'ERR_SCHEMA_MISSING',
      message: expect.stringContaining('PostgresStorage.setup(pool)'),
    })
    await PostgresStorage.setup(on.pool, { schema: on.schema })
    await expect(storage.push(1)).resolves.toMatchObject({ outcome: 'created' })
  })

  test('the listed SQL makes the same schema by hand', async () => {
    on = await testSchema()
    const catalog = `select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull
                       from pg_class c join pg_attribute a on a.attrelid = c.oid
                      where c.relnamespace = $1::regnamespace and a.attnum > 0 and c.relname <> 'migration' and c.relname not like 'migration%'
                      order by 1, 2`
    const functions = `select proname, pg_get_function_identity_arguments(oid) as args, proconfig is not null as pinned from pg_proc where pronamespace = $1::regnamespace order by 1`
    const made = [await on.rows(catalog, [`"${on.schema}"`]), await on.rows(functions, [`"${on.schema}"`])]
    const byHand = await testSchema(false)
    const client = await byHand.pool.connect()
    try {
      await client.query(`create schema "${byHand.schema}"`)
      for (const { sql } of PostgresStorage.migrations({ schema: byHand.schema }))
        await client.query(`begin;${sql};commit`)
      expect([
        await byHand.rows(catalog, [`"${byHand.schema}"`]),
        await byHand.rows(functions, [`"${byHand.schema}"`]),
      ]).toEqual(made)
    } finally {
      client.release()
      await byHand.end()
    }
  })
})

describe('schema names', () => {
  test.each(['with-dash', 'UPPER', '_x', 'a'.repeat(50)])('%s works from setup to settle', async (schema) => {
    const on = await testSchema(false)
    try {
      await PostgresStorage.setup(on.pool, { schema })
      const storage = on.storage<number>({ schema }, 'notify')
      await storage.push(1)
      const instance = '01890a5d-ac96-774b-bcce-b302099a8057'
      await storage.backend.register({
        instance,
        name: 'w',
        queues: [storage.queue],
        leaseMs: 5_000,
      })
      const { tasks } = await storage.backend.claim({
        instance,
        queues: [{ queue: storage.queue, limit: 1 }],
      })
      expect(
        await storage.backend.settle([{ id: tasks[0]!.id, token: tasks[0]!.token, kind: 'done', result: null }]),
      ).toEqual(['applied'])
    } finally {
      await on.pool.query(`drop schema if exists "${schema}" cascade`)
      await on.end()
    }
  })

  test.each(['', '1a', 'pg_mine', 'a b', 'a"b', "a'; drop table x; --", 'a'.repeat(51)])(
    '%j is refused before any SQL',
    async (schema) => {
      const on = await testSchema(false)
      try {
        expect(() => PostgresStorage.migrations({ schema })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
        expect(() => on.storage({ schema })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
        await expect(PostgresStorage.setup(on.pool, { schema })).rejects.toMatchObject({
          code: 'ERR_OPTION',
        })
      } finally {
        await on.end()
      }
    },
  )
})
