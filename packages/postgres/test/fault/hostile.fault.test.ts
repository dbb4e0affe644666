/** Payloads that cannot be read, and handlers that throw or return what breaks whoever looks at it. */
import { task } from '@q/core'
import { inject, test } from 'vitest'
import { HOSTILE } from './support/hostile.ts'
import { report, Scene } from './support/scene.ts'

/** Codec and bytes, as somebody might have written them by hand. */
const CORRUPT: readonly (readonly [string, string | Buffer])[] = [
  ['json', ''],
  ['json', '{'],
  ['json', '{"do":"work","ms":1'],
  ['json', 'undefined'],
  ['json', "{'do':'work'}"],
  ['json', '{"do":"work"}}'],
  ['json', Buffer.from([0xff, 0xfe, 0x00])],
  ['json', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ['json', '\u0000'],
  ['json', '['.repeat(200_000)],
  ['', '{"do":"work","ms":1}'],
  ['msgpack', '{"do":"work","ms":1}'],
  ['JSON', '{"do":"work","ms":1}'],
  ['__proto__', 'null'],
]

test(
  'a payload that cannot be decoded kills its own task with the reason, and nothing else',
  { timeout: 60_000 },
  async ({ expect }) => {
    await using scene = await Scene.open(inject('databaseUrl'))
    const jobs = Array.from({ length: 500 }, () => ({ do: 'work', ms: 1 }) as const)
    const ids = await scene.push(jobs)
    const corrupt = ids.filter((_, index) => index % 25 === 7).slice(0, CORRUPT.length)
    for (const [index, id] of corrupt.entries()) {
      const [codec, bytes] = CORRUPT[index] ?? ['', '']
      await scene.pool.query(`update "${scene.schema}".task set codec = $2, payload = $3 where id = $1`, [
        id,
        codec,
        Buffer.from(bytes),
      ])
    }
    const fleet = scene.fleet(1)
    await scene.drained(20_000)
    const history = await scene.check()
    const { rows } = await scene.pool.query<{ id: string; attempt: number; code: string }>(
      `select id, attempt, error->>'code' as code from "${scene.schema}".tasks where status = 'killed'`,
    )
    report('corrupt payloads', { killed: rows.length, done: history.filter((step) => step.to === 'done').length })
    expect(rows.map((row) => row.id).toSorted()).toEqual(corrupt.toSorted())
    for (const row of rows) expect(row).toMatchObject({ attempt: 1, code: 'ERR_DECODE' })
    expect(scene.ledgers.of('start')).toHaveLength(ids.length - corrupt.length)
    expect(fleet.exits).toEqual([])
  },
)

test(
  'whatever a handler throws or returns, its task ends, its neighbours are done and its worker lives',
  { timeout: 60_000 },
  async ({ expect }) => {
    await using scene = await Scene.open(inject('databaseUrl'))
    const evil: string[] = []
    for (const n of HOSTILE.keys()) {
      evil.push(...(await scene.push([{ do: 'hostile', n }], (job) => task(job).maxAttempts(1))))
      await scene.push(Array.from({ length: 10 }, () => ({ do: 'work', ms: 1 })))
    }
    const fleet = scene.fleet(1)
    const drainMs = await scene.drained(30_000)
    const history = await scene.check()
    const { rows } = await scene.pool.query<{ id: string; bytes: number; name: string | null }>(
      `select id, length(error::text)::int4 as bytes, error->>'name' as name from "${scene.schema}".tasks where status = 'killed'`,
    )
    report('hostile handlers', {
      kinds: HOSTILE.length,
      killed: rows.length,
      'largest error in characters': Math.max(...rows.map((row) => row.bytes)),
      'drained in ms': drainMs,
    })
    const named = (ids: readonly string[]) => new Set(ids.map((id) => HOSTILE[evil.indexOf(id)]))
    expect(named(rows.map((row) => row.id))).toEqual(new Set(HOSTILE))
    for (const row of rows) {
      expect(row.name).toEqual(expect.any(String))
      expect(row.bytes).toBeLessThan(64 * 1024)
    }
    expect(history.filter((step) => step.to === 'done')).toHaveLength(HOSTILE.length * 10)
    expect(scene.ledgers.of('start')).toHaveLength(HOSTILE.length * 11)
    expect(fleet.exits).toEqual([])
  },
)
