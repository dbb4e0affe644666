/** The capability `metrics`: what happened, per minute, hour and day, adds up to what was done. */
import assert from 'node:assert/strict'
import type { MetricPoint, MetricRequest } from '@q/core'
import { bucketOf, HISTOGRAM_BUCKETS } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import type { CaseContext } from '../context.ts'
import type { Happening } from '../moves.ts'
import { MOVES } from '../moves.ts'
import { done, failed, killed, released } from '../sample.ts'

const STEPS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const
const HAPPENINGS: readonly Happening[] = ['pushed', 'done', 'failed', 'killed', 'cancelled']

export const metricsCases: readonly ConformanceCase[] = section(
  'metrics',
  [
    ...MOVES.map(({ name, run, needs }) =>
      fact(
        `after ${name} the statistics add up to what was done`,
        async (c) => {
          const from = await c.now()
          const { happened } = await run(c)
          const points = await series(c, 'minute', from)
          for (const kind of HAPPENINGS) assert.equal(sum(points, kind), happened[kind] ?? 0, kind)
        },
        ...needs,
      ),
    ),
    ...(['hour', 'day'] as const).map((step) =>
      fact(`a series by the ${step} adds up to the same`, async (c) => {
        const from = await c.now()
        await c.pushed(3)
        const [a, b] = await (await c.instance()).take(2)
        await c.applied(done(a!), failed(b!))
        const points = await series(c, step, from)
        assert.deepEqual(
          HAPPENINGS.map((kind) => sum(points, kind)),
          [3, 1, 1, 0, 0],
        )
      }),
    ),
    ...(['minute', 'hour', 'day'] as const).map((step) =>
      fact(`there is one point for each ${step} asked for, also where nothing happened`, async (c) => {
        const span = STEPS[step]
        const from = Math.floor((await c.now()) / span) * span
        const points = await c.with('metrics').metrics({ queue: c.queue, from, to: from + 5 * span, step })
        assert.deepEqual(
          points.map(({ at }) => at),
          [0, 1, 2, 3, 4].map((n) => from + n * span),
        )
        for (const point of points) {
          assert.deepEqual(
            HAPPENINGS.map((kind) => point[kind]),
            [0, 0, 0, 0, 0],
          )
          const none = Array<number>(HISTOGRAM_BUCKETS).fill(0)
          assert.deepEqual([[...point.ran], [...point.waited]], [none, none])
        }
      }),
    ),
    fact(
      'what happens in different minutes stands in different points',
      async (c) => {
        const from = await c.now()
        await c.pushed(1)
        await c.pass(STEPS.minute)
        await c.pushed(2)
        await c.pass(STEPS.minute)
        await c.applied(done(await (await c.instance()).one()))
        const points = (await series(c, 'minute', from)).slice(0, 3)
        assert.deepEqual(
          points.map(({ pushed }) => pushed),
          [1, 2, 0],
        )
        assert.deepEqual(
          points.map((point) => point.done),
          [0, 0, 1],
        )
      },
      'advance',
    ),
    fact('another queue sees nothing of it, all queues together see at least as much', async (c) => {
      const from = await c.now()
      await c.pushed(2)
      assert.equal(sum(await series(c, 'minute', from, c.newQueue()), 'pushed'), 0)
      assert.ok(sum(await series(c, 'minute', from, null), 'pushed') >= 2)
    }),
    fact('the times of handlers stand in the buckets of their length', async (c) => {
      const from = await c.now()
      const spans = [0, 1, 3, 100, 100, 5_000, 10_000_000]
      await c.pushed(spans.length)
      const tasks = await (await c.instance()).take(spans.length)
      const kinds = [done, killed, failed]
      await c.applied(...tasks.map((task, n) => ({ ...kinds[n % 3]!(task), ranMs: spans[n]! })))
      const expected = Array<number>(HISTOGRAM_BUCKETS).fill(0)
      for (const ms of spans) expected[bucketOf(ms)]! += 1
      assert.deepEqual(total(await series(c, 'minute', from), 'ran'), expected)
    }),
    fact('attempts that are given back, and those that nobody timed, have no time of a handler', async (c) => {
      const from = await c.now()
      await c.pushed(2)
      const [a, b] = await (await c.instance()).take(2)
      await c.applied({ ...released(a!), ranMs: 50 }, done(b!))
      assert.equal(
        total(await series(c, 'minute', from), 'ran').reduce((all, n) => all + n, 0),
        0,
      )
    }),
    fact('each attempt that ended waited once', async (c) => {
      const from = await c.now()
      await c.pushed(3)
      const holder = await c.instance()
      const [a, b, d] = await holder.take(3)
      await c.applied(done(a!), killed(b!), failed(d!))
      await c.applied(done(await holder.one()))
      assert.equal(
        total(await series(c, 'minute', from), 'waited').reduce((all, n) => all + n, 0),
        4,
      )
    }),
    fact(
      'how long a task waited is counted from when it was due',
      async (c) => {
        const from = await c.now()
        await c.pushed(1, { due: { afterMs: 60_000 } })
        await c.pass(60_000 + 5_000)
        await c.applied(done(await (await c.instance()).one()))
        const waited = total(await series(c, 'minute', from), 'waited')
        assert.equal(waited[bucketOf(5_000)], 1)
      },
      'advance',
    ),
    fact('asking twice gives the same', async (c) => {
      const from = await c.now()
      await c.pushed(3)
      await c.applied(done(await (await c.instance()).one()))
      assert.deepEqual(await series(c, 'minute', from), await series(c, 'minute', from))
    }),
    fact(
      'another process sees the same',
      async (c) => {
        const from = await c.now()
        await c.pushed(2)
        const second = await c.second()
        const points = await c.with('metrics', second).metrics(request('minute', from, c.queue))
        assert.equal(sum(points, 'pushed'), 2)
      },
      'second',
    ),
  ],
  'metrics',
)

/** Ten steps from the one that a moment is in. */
function request(step: MetricRequest['step'], from: number, queue: string | null): MetricRequest {
  const start = Math.floor(from / STEPS[step]) * STEPS[step]
  return { ...(queue === null ? {} : { queue }), from: start, to: start + 10 * STEPS[step], step }
}

function series(
  c: CaseContext,
  step: MetricRequest['step'],
  from: number,
  queue: string | null = c.queue,
): Promise<readonly MetricPoint[]> {
  return c.with('metrics').metrics(request(step, from, queue))
}

function sum(points: readonly MetricPoint[], kind: Happening): number {
  return points.reduce((all, point) => all + point[kind], 0)
}

function total(points: readonly MetricPoint[], histogram: 'ran' | 'waited'): number[] {
  return Array.from({ length: HISTOGRAM_BUCKETS }, (_, bucket) =>
    points.reduce((all, point) => all + point[histogram][bucket]!, 0),
  )
}
