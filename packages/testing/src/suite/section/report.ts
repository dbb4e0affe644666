/** The capability `report`: what handlers say while they work can be read from everywhere. */
import assert from 'node:assert/strict'
import type { ClaimedTask, LogLine, NewLogLine, Progress, TaskReport } from '@q/core'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import type { CaseContext } from '../context.ts'
import { done, failed } from '../sample.ts'

const HALF: Progress = { done: 5, total: 10, note: 'half' }

export const reportCases: readonly ConformanceCase[] = section(
  'report',
  [
    fact('lines come back in order, as they were written', async (c) => {
      const { task } = await c.claimed()
      const lines = [
        line('first', { level: 'debug', at: 1_700_000_000_000 }),
        line('second', { level: 'info', fields: '{"n":1,"deep":{"a":[null]}}' }),
        line('third', { level: 'warn', attempt: 2 }),
        line('fourth', { level: 'error', fields: '{}' }),
      ]
      await report(c, task, lines)
      const read = await c.with('report').readLog(task.id)
      assert.deepEqual(
        read.map(({ attempt, level, message, fields, at }) => ({ attempt, level, message, fields, at })),
        lines,
      )
      assert.equal(new Set(read.map(({ seq }) => seq)).size, 4)
    }),
    fact('awkward text and 4,096 characters come back verbatim', async (c) => {
      const { task } = await c.claimed()
      const messages = [
        `"quotes" 'single' \\back\\ \n\r\t $1 %s {} --`,
        '\u{1f600} \u202e\ufeff',
        '',
        'x'.repeat(4_096),
      ]
      await report(
        c,
        task,
        messages.map((message) => line(message, { fields: JSON.stringify({ message: message.slice(0, 100) }) })),
      )
      const read = await c.with('report').readLog(task.id)
      assert.deepEqual(
        read.map(({ message }) => message),
        messages,
      )
      assert.deepEqual(JSON.parse(read[0]!.fields!), { message: messages[0] })
    }),
    fact('reports add to what is there', async (c) => {
      const { task } = await c.claimed()
      await report(c, task, [line('a'), line('b')])
      await report(c, task, [])
      await report(c, task, [line('c')])
      assert.deepEqual(await messagesOf(c, task.id), ['a', 'b', 'c'])
    }),
    fact('a reader goes on after the line it has seen', async (c) => {
      const { task } = await c.claimed()
      await report(c, task, [line('a'), line('b'), line('c')])
      const log = c.with('report')
      const [first] = await log.readLog(task.id, { limit: 1 })
      assert.equal(first!.message, 'a')
      const rest = await log.readLog(task.id, { after: first!.seq })
      assert.deepEqual(
        rest.map(({ message }) => message),
        ['b', 'c'],
      )
      assert.deepEqual(await log.readLog(task.id, { after: rest[1]!.seq }), [])
      await report(c, task, [line('d')])
      assert.deepEqual(
        (await log.readLog(task.id, { after: rest[1]!.seq })).map(({ message }) => message),
        ['d'],
      )
    }),
    fact('pages of lines hold every line exactly once', async (c) => {
      const { task } = await c.claimed()
      const messages = Array.from({ length: 25 }, (_, n) => `line ${n}`)
      await report(
        c,
        task,
        messages.map((message) => line(message)),
      )
      const read: LogLine[] = []
      for (let pages = 0; pages < 30; pages++) {
        const after = read.at(-1)?.seq
        const page = await c.with('report').readLog(task.id, { limit: 4, ...(after === undefined ? {} : { after }) })
        if (page.length === 0) break
        assert.ok(page.length <= 4)
        read.push(...page)
      }
      assert.deepEqual(
        read.map(({ message }) => message),
        messages,
      )
    }),
    fact('without a limit two hundred lines are read', async (c) => {
      const { task } = await c.claimed()
      await report(
        c,
        task,
        Array.from({ length: 250 }, (_, n) => line(`line ${n}`)),
      )
      assert.equal((await c.with('report').readLog(task.id)).length, 200)
      assert.equal((await c.with('report').readLog(task.id, { limit: 1_000 })).length, 250)
    }),
    fact('of one task the last thousand lines are kept', async (c) => {
      const { task } = await c.claimed()
      for (let batch = 0; batch < 6; batch++)
        await report(
          c,
          task,
          Array.from({ length: 200 }, (_, n) => line(`line ${batch * 200 + n}`)),
        )
      const read = await c.with('report').readLog(task.id, { limit: 1_000 })
      assert.deepEqual([read.length, read[0]!.message, read.at(-1)!.message], [1_000, 'line 200', 'line 1199'])
    }),
    fact('a report of more than a thousand lines leaves the last thousand', async (c) => {
      const { task } = await c.claimed()
      await report(
        c,
        task,
        Array.from({ length: 1_500 }, (_, n) => line(`line ${n}`)),
      )
      const read = await c.with('report').readLog(task.id, { limit: 1_000 })
      assert.deepEqual([read.length, read[0]!.message, read.at(-1)!.message], [1_000, 'line 500', 'line 1499'])
    }),
    fact('tasks of one report do not mix', async (c) => {
      await c.pushed(2)
      const [a, b] = await (await c.instance()).take(2)
      await c.with('report').report([said(a!, [line('of a')]), said(b!, [line('of b')]), said(a!, [line('more of a')])])
      assert.deepEqual(await messagesOf(c, a!.id), ['of a', 'more of a'])
      assert.deepEqual(await messagesOf(c, b!.id), ['of b'])
    }),
    fact('lines of every attempt are kept, also after the end', async (c) => {
      const { task, holder } = await c.claimed()
      await report(c, task, [line('one')])
      await c.applied(failed(task))
      const again = await holder.one()
      await report(c, again, [line('two', { attempt: 2 })])
      await c.applied(done(again))
      const read = await c.with('report').readLog(task.id)
      assert.deepEqual(
        read.map(({ message, attempt }) => [message, attempt]),
        [
          ['one', 1],
          ['two', 2],
        ],
      )
    }),
    fact('lines under a token that is no longer current are kept', async (c) => {
      const { task, holder } = await c.claimed()
      await c.applied(failed(task))
      await holder.one()
      await report(c, task, [line('late')])
      assert.deepEqual(await messagesOf(c, task.id), ['late'])
    }),
    fact('a report of a task that nobody pushed is dropped, and hurts no other', async (c) => {
      const { task } = await c.claimed()
      const stranger = { id: uuidv7(), token: task.token }
      await c.with('report').report([said(stranger, [line('lost')], HALF), said(task, [line('kept')])])
      assert.deepEqual(await messagesOf(c, stranger.id), [])
      assert.deepEqual(await messagesOf(c, task.id), ['kept'])
    }),
    fact('a task that said nothing has no lines, and reporting nothing is fine', async (c) => {
      const { task } = await c.claimed()
      await c.with('report').report([])
      assert.deepEqual(await messagesOf(c, task.id), [])
      assert.deepEqual(await messagesOf(c, uuidv7()), [])
    }),
    fact('reports made at once lose no line, and each keeps its own order', async (c) => {
      const { task } = await c.claimed()
      const callers = await c.callers(8)
      await Promise.all(
        callers.map((backend, n) =>
          c.with('report', backend).report([said(task, [line(`${n} a`), line(`${n} b`), line(`${n} c`)])]),
        ),
      )
      const messages = await messagesOf(c, task.id)
      assert.equal(new Set(messages).size, 24)
      for (let n = 0; n < 8; n++)
        assert.deepEqual(
          messages.filter((message) => message.startsWith(`${n} `)),
          [`${n} a`, `${n} b`, `${n} c`],
        )
    }),
    fact('reporting changes neither holder nor lease nor attempt', async (c) => {
      const { task, holder } = await c.claimed()
      await report(c, task, [line('a')], HALF)
      await holder.findsNothing()
      await c.applied(failed(task))
      assert.equal((await holder.one()).attempt, 2)
    }),
    fact(
      'progress shows until something else is said',
      async (c) => {
        const { task } = await c.claimed()
        assert.equal((await c.stored(task.id)).progress, null)
        await report(c, task, [], HALF)
        assert.deepEqual((await c.stored(task.id)).progress, HALF)
        await report(c, task, [line('no progress')])
        assert.deepEqual((await c.stored(task.id)).progress, HALF)
        await report(c, task, [], { done: 0.5, total: null, note: null })
        assert.deepEqual((await c.stored(task.id)).progress, { done: 0.5, total: null, note: null })
      },
      'fetchById',
    ),
    fact(
      'of two in one report the later progress counts',
      async (c) => {
        const { task } = await c.claimed()
        await c.with('report').report([said(task, [], HALF), said(task, [], { ...HALF, done: 9 })])
        assert.equal((await c.stored(task.id)).progress?.done, 9)
      },
      'fetchById',
    ),
    fact(
      'progress under a token that is no longer current changes nothing',
      async (c) => {
        const { task, holder } = await c.claimed()
        await c.applied(failed(task))
        const again = await holder.one()
        await report(c, again, [], HALF)
        await report(c, task, [], { ...HALF, done: 9 })
        assert.deepEqual((await c.stored(task.id)).progress, HALF)
        await c.applied(done(again))
        await report(c, again, [], { ...HALF, done: 9 })
        assert.deepEqual((await c.stored(task.id)).progress, HALF)
      },
      'fetchById',
    ),
    fact(
      'progress of one task is not shown for another',
      async (c) => {
        await c.pushed(2)
        const [a, b] = await (await c.instance()).take(2)
        await report(c, a!, [], HALF)
        assert.equal((await c.stored(b!.id)).progress, null)
      },
      'fetchById',
    ),
    fact(
      'another process reads lines and progress',
      async (c) => {
        const { task } = await c.claimed()
        await report(c, task, [line('a')], HALF)
        const second = await c.second()
        assert.equal((await c.with('report', second).readLog(task.id)).length, 1)
        assert.deepEqual((await c.with('fetchById', second).fetchById(task.id))?.progress, HALF)
      },
      'second',
      'fetchById',
    ),
  ],
  'report',
)

type Claim = Pick<ClaimedTask, 'id' | 'token'>

function line(message: string, more: Partial<NewLogLine> = {}): NewLogLine {
  return { attempt: 1, level: 'info', message, fields: null, at: 1_700_000_000_000, ...more }
}

function said({ id, token }: Claim, lines: readonly NewLogLine[], progress?: Progress): TaskReport {
  return { id, token, lines, ...(progress === undefined ? {} : { progress }) }
}

async function report(c: CaseContext, task: Claim, lines: readonly NewLogLine[], progress?: Progress): Promise<void> {
  await c.with('report').report([said(task, lines, progress)])
}

async function messagesOf(c: CaseContext, id: string): Promise<string[]> {
  return (await c.with('report').readLog(id)).map(({ message }) => message)
}
