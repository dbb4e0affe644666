/** An empty database for one program, so that what it prints does not depend on who ran before. */
import pg from 'pg'

/** Makes the database anew beside the one given, hands out its address, and drops it afterwards. */
export async function withFreshDatabase<T>(url: string, name: string, run: (url: string) => Promise<T>): Promise<T> {
  const drop = `drop database if exists "${name}" with (force)`
  await administer(url, drop, `create database "${name}"`)
  try {
    const own = new URL(url)
    own.pathname = `/${name}`
    return await run(own.href)
  } finally {
    await administer(url, drop)
  }
}

async function administer(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}
