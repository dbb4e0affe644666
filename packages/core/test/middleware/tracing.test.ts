import { describe, expect, test } from 'vitest'
import { type Span, type Tracer, tracing } from '../../src/middleware/tracing.ts'
import { task } from '../../src/task/builder.ts'
import { DeferredError } from '../../src/steer.ts'
import { failure } from '../failure.ts'
import { scene } from '../worker/scene.ts'
import { end, run } from './one.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const parent = `00-${TRACE}-b7ad6b7169203331-01`
const child = `00-${TRACE}-00f067aa0ba902b7-01`

function recorder(more: Partial<Span> = {}) {
  const said: unknown[] = []
  const tracer: Tracer = {
    startSpan(name, options) {
      said.push([name, options])
      return {
        traceparent: child,
        recordError: (error) => said.push(['error', error]),
        end: (attributes) => said.push(['end', attributes]),
        ...more,
      }
    },
  }
  return { said, tracer }
}

describe('tracing', () => {
  test('a span per attempt, with the trace of whoever pushed as its parent', async () => {
    const it = scene()
    const { said, tracer } = recorder()
    const { id } = await it.storage.push(task(1).metadata({ traceparent: parent, tracestate: 'vendor=1' }))
    const worker = it.builder.use(tracing({ tracer, attributes: () => ({ tenant: 'x' }) })).build(() => 1)
    await worker.start()
    await it.clock.pass(10)
    expect(said).toEqual([
      [
        'process numbers',
        {
          parent: { traceparent: parent, tracestate: 'vendor=1' },
          attributes: {
            'messaging.system': 'q',
            'messaging.operation.type': 'process',
            'messaging.destination.name': 'numbers',
            'messaging.message.id': id,
            'messaging.consumer.group.name': 'w',
            'q.attempt': 1,
            tenant: 'x',
          },
        },
      ],
      ['end', { 'q.attempt.end': 'done' }],
    ])
    await worker.stop()
  })

  test('a trace that is none is no parent', async () => {
    const it = scene()
    const { said, tracer } = recorder()
    await it.storage.push(task(1).metadata({ traceparent: 'tomorrow' }))
    const worker = it.builder.use(tracing({ tracer })).build(() => 1)
    await worker.start()
    await it.clock.pass(10)
    expect(said[0]).toMatchObject(['process numbers', { parent: undefined }])
    await worker.stop()
  })

  test('records what was thrown and ends once', async () => {
    const boom = new Error('boom')
    for (const [thrown, how] of [
      [boom, 'failed'],
      [new DeferredError('1h'), 'DeferredError'],
    ] as const) {
      const { said, tracer } = recorder()
      await end(await run([tracing({ tracer })], () => Promise.reject(thrown)))
      expect(said.slice(1, 3)).toEqual([
        ['error', thrown],
        ['end', { 'q.attempt.end': how }],
      ])
    }
  })

  test('tasks that follow carry the span on, unless they bring a trace of their own', async () => {
    const it = scene()
    const { tracer } = recorder()
    const own = `00-${TRACE}-1111111111111111-01`
    const worker = it.builder.use(tracing({ tracer })).build((n, ctx) => {
      if (n === 0)
        ctx.follow(
          it.storage.encode(task(1).metadata({ tenant: 'x' })),
          it.storage.encode(task(2).metadata({ traceparent: own })),
        )
      else found.push(ctx.task.metadata)
    })
    const found: unknown[] = []
    await it.push(1)
    await worker.start()
    await it.clock.pass(100)
    expect(found).toEqual([{ tenant: 'x', traceparent: child }, { traceparent: own }])
    await worker.stop()
  })

  test('a task that follows and is full carries as much of the trace as there is room for, which is none or all', async () => {
    const it = scene()
    const { tracer } = recorder({ tracestate: 'vendor=2' })
    const full = (entries: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: entries }, (_, n) => [`k${n}`, 'x']))
    const found: Readonly<Record<string, string>>[] = []
    const worker = it.builder.use(tracing({ tracer })).build((n, ctx) => {
      if (n > 0) return void found.push(ctx.task.metadata!)
      ctx.carry({ k0: 'of a middleware' })
      ctx.follow(...[62, 63].map((entries) => it.storage.encode(task(entries).metadata(full(entries)))))
    })
    await it.push(1)
    await worker.start()
    await it.clock.pass(100)
    expect(found.map((metadata) => Object.keys(metadata).length)).toEqual([64, 63])
    expect(found[0]).toMatchObject({ k0: 'x', traceparent: child, tracestate: 'vendor=2' })
    await worker.stop()
  })

  test('a trace state that cannot be stored is left out', async () => {
    const it = scene()
    const found: unknown[] = []
    const { tracer } = recorder({ tracestate: 'x'.repeat(2_000) })
    const worker = it.builder.use(tracing({ tracer })).build((n, ctx) => {
      if (n === 0) ctx.follow(it.storage.encode(1))
      else found.push(ctx.task.metadata)
    })
    await it.push(1)
    await worker.start()
    await it.clock.pass(100)
    expect(found).toEqual([{ traceparent: child }])
    await worker.stop()
  })

  test.each([
    ['is asynchronous', async <R>(work: () => R): Promise<R> => work()],
    [
      'begins late',
      async <R>(work: () => R): Promise<R> => {
        await Promise.resolve()
        return work()
      },
    ],
  ])("a span whose run %s runs a handler once, and its failure is nobody else's", async (_how, runSpan) => {
    const unhandled: unknown[] = []
    const hear = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', hear)
    let runs = 0
    const seen: unknown[] = []
    const { tracer } = recorder({
      run: ((work: () => Promise<unknown>) =>
        runSpan(work).catch((error: unknown) => {
          seen.push(error)
          throw error
        })) as any,
    })
    const ran = await run([tracing({ tracer })], () => {
      runs += 1
      throw new Error('boom')
    })
    expect([runs, await ran.statuses()]).toEqual([1, 'failed/1'])
    expect(seen).toMatchObject([{ message: 'boom' }])
    await end(ran)
    process.off('unhandledRejection', hear)
    expect(unhandled).toEqual([])
  })

  test('the handler runs within the span where the tracer has such a thing', async () => {
    let active = false
    const seen: boolean[] = []
    const { tracer } = recorder({
      run(work) {
        active = true
        try {
          return work()
        } finally {
          active = false
        }
      },
    })
    await end(await run([tracing({ tracer })], () => seen.push(active)))
    expect(seen).toEqual([true])
  })

  test('a tracer that throws hurts nobody', async () => {
    const broken = (): never => {
      throw new Error('exporter gone')
    }
    const runs: number[] = []
    for (const tracer of [
      { startSpan: broken },
      recorder({ run: broken, recordError: broken, end: broken }).tracer,
      recorder({
        run(work) {
          work()
          return broken()
        },
      }).tracer,
    ]) {
      const ran = await run([tracing({ tracer })], (n) => runs.push(n))
      expect(await ran.statuses()).toBe('done/1')
      await end(ran)
    }
    expect(runs).toHaveLength(3)
  })

  test('says what is wrong with its options', () => {
    expect(failure('ERR_OPTION', () => tracing({ tracer: {} as any })).message).toContain('tracer must have startSpan')
    expect(failure('ERR_OPTION', () => tracing({ tracer: recorder().tracer, nam: 1 } as any)).message).toContain(
      'did you mean "name"',
    )
    expect(failure('ERR_OPTION', () => tracing({ tracer: recorder().tracer, name: 'x' as any })).message).toContain(
      'name must be a function',
    )
  })
})
