/** Data that stores are known to choke on. What the storages let through, the store keeps verbatim. */
import assert from 'node:assert/strict'
import { toErrorRecord } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { entriesOf, idsOf, sameBytes } from '../check.ts'
import { done, EVERY_BYTE, failed, killed, progress, text } from '../sample.ts'

const AWKWARD = `"quotes" 'single' \\back\\ \n\r\t $1 %s {a,b} NULL; drop table task; -- \u{1f600} Ünïcödé \u202e\ufeff\u2028 שלום`

export const hostileCases: readonly ConformanceCase[] = section('hostile data', [
  fact('NUL and lone surrogates in an error do not keep it from being stored', async (c) => {
    const error = toErrorRecord(new Error('before\0after \ud800 and \udc00', { cause: 'nul \0 too' }))
    const { task } = await c.claimed()
    await c.applied(killed(task, { error }))
    assert.deepEqual((await c.outcome(task.id)).error, error)
  }),
  fact('the largest error record there is comes back whole', async (c) => {
    const deep = (levels: number): Error => {
      const error = new Error('\u{1f600}'.repeat(10_000), levels === 0 ? undefined : { cause: deep(levels - 1) })
      error.stack = 'at somewhere\n'.repeat(10_000)
      return error
    }
    const error = toErrorRecord(deep(9))
    const { task } = await c.claimed()
    await c.applied(killed(task, { error }))
    assert.deepEqual((await c.outcome(task.id)).error, error)
  }),
  fact('awkward text in an error comes back verbatim', async (c) => {
    const error = toErrorRecord(Object.assign(new Error(AWKWARD), { code: AWKWARD.slice(0, 40) }))
    const { task } = await c.claimed()
    await c.applied(killed(task, { error }))
    assert.deepEqual((await c.outcome(task.id)).error, error)
  }),
  fact('what is thrown need not be an error', async (c) => {
    const thrown = [null, undefined, 42, 'text', { toString: null }, Symbol('s'), []]
    await c.pushed(thrown.length)
    const tasks = await (await c.instance()).take(thrown.length)
    const errors = thrown.map((value) => toErrorRecord(value))
    await c.applied(...tasks.map((task, n) => killed(task, { error: errors[n]! })))
    for (const [n, task] of tasks.entries()) assert.deepEqual((await c.outcome(task.id)).error, errors[n])
  }),
  fact('payloads, results and checkpoints of every byte, and of a megabyte, come back verbatim', async (c) => {
    const large = Buffer.alloc(1024 * 1024, EVERY_BYTE.subarray(0, 251))
    await c.push({ payload: { codec: 'raw', bytes: EVERY_BYTE } }, { payload: { codec: 'raw', bytes: large } })
    const instance = await c.instance()
    for (const expected of [EVERY_BYTE, large]) {
      const task = await instance.one()
      sameBytes(task.payload.bytes, expected, 'payload')
      await c.applied(
        progress(task, { checkpoint: expected }),
        done(task, { result: { codec: 'raw', bytes: expected } }),
      )
      sameBytes((await c.outcome(task.id)).result?.bytes, expected, 'result')
    }
  }),
  fact('a codec tag of every character that is allowed comes back verbatim', async (c) => {
    const codec = 'abcxyz-019.v2'.padEnd(32, 'z')
    const { task } = await c.claimed({ payload: { codec, bytes: EVERY_BYTE } })
    await c.applied(done(task, { result: { codec, bytes: EVERY_BYTE } }))
    assert.deepEqual([task.payload.codec, (await c.outcome(task.id)).result?.codec], [codec, codec])
  }),
  fact('queue names of every character that is allowed, and of every length, are told apart', async (c) => {
    const unique = c.newQueue('x').slice(-30)
    const alphabet = 'abzABZ019_.:/@-'
    const names = [
      `${alphabet}${unique}`,
      `${alphabet.toLowerCase()}${unique}`,
      `${unique}/${alphabet}`,
      `${unique}:${alphabet}`,
      `${unique}.${alphabet}`.padEnd(100, '_'),
      `${unique}_${alphabet}`.padEnd(100, '_'),
      `${unique}_${alphabet}`.padEnd(99, '_'),
      unique,
    ]
    const tasks = await c.push(...names.map((queue) => ({ queue })))
    const instance = await c.instance()
    for (const [n, queue] of names.entries()) {
      const claimed = await instance.claim(10, queue)
      assert.deepEqual(
        claimed.map((task) => [task.id, task.queue]),
        [[tasks[n]!.id, queue]],
      )
    }
  }),
  fact('keys of quotes, unicode and 200 characters are kept to the letter', async (c) => {
    const keys = [
      AWKWARD,
      `${AWKWARD} `,
      '\u00e9',
      'e\u0301',
      'null',
      '{}',
      '\u{1f600}'.repeat(100),
      '\u{1f600}'.repeat(99),
    ]
    const first = await c.backend.push(keys.map((key) => c.task({ key, payload: text('w') })))
    assert.deepEqual(new Set(first.map(({ outcome }) => outcome)), new Set(['created']))
    const again = await c.backend.push(keys.map((key) => c.task({ key, payload: text('w') })))
    assert.deepEqual(
      again,
      first.map(({ id }) => ({ id, outcome: 'duplicate' })),
    )
  }),
  fact('metadata keeps awkward names and values, __proto__ and constructor among them', async (c) => {
    const entries: [string, string][] = [
      ['__proto__', 'polluted'],
      ['constructor', 'c'],
      ['toString', 't'],
      ['', 'empty name'],
      ['empty value', ''],
      [AWKWARD, AWKWARD],
      ['0', 'zero'],
      ['long', 'x'.repeat(1_000)],
    ]
    const { task } = await c.claimed({ metadata: Object.fromEntries(entries) })
    assert.deepEqual(entriesOf(task.metadata), entriesOf(Object.fromEntries(entries)))
    assert.equal('polluted' in {}, false)
  }),
  fact('metadata of 64 entries comes back whole', async (c) => {
    const metadata = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`name ${n}`, AWKWARD]))
    const { task } = await c.claimed({ metadata })
    assert.deepEqual({ ...task.metadata }, metadata)
  }),
  fact('metadata without entries is harmless', async (c) => {
    const { task } = await c.claimed({ metadata: {} })
    assert.deepEqual({ ...task.metadata }, {})
  }),
  fact('awkward tasks share a batch with plain ones and hurt none', async (c) => {
    const tasks = await c.push(
      {},
      { key: AWKWARD, metadata: { [AWKWARD]: AWKWARD }, payload: { codec: 'raw', bytes: EVERY_BYTE } },
      {},
    )
    const instance = await c.instance()
    const claimed = await instance.claim(10)
    assert.deepEqual(idsOf(claimed), idsOf(tasks))
    await c.applied(
      done(claimed[0]!),
      failed(claimed[1]!, { error: toErrorRecord(new Error('\0\ud800')) }),
      done(claimed[2]!, { result: text('\0') }),
    )
    assert.equal((await instance.one()).id, tasks[1]!.id)
  }),
])
