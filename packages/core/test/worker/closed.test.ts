/** A worker whose storage is closed under it. */
import { describe, expect, test } from 'vitest'
import { QError } from '../../src/error.ts'
import { rejection } from '../failure.ts'
import { scene } from './scene.ts'

describe('when the storage is closed under a worker', () => {
  test('run() rejects', async () => {
    const it = scene()
    const worker = it.builder.build(() => 1)
    const run = rejection('ERR_CLOSED', worker.run())
    await it.clock.pass(10)
    await it.storage.close()
    await it.clock.pass(10_000)
    await run
  })

  test('one event, its end and the next stop() say so', async () => {
    const it = scene()
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(10)
    await it.storage.close()
    await it.clock.pass(10_000)
    const message = /stop the worker before closing its storage/
    expect(it.of('error')).toMatchObject([{ error: { code: 'ERR_CLOSED' }, retryMs: null }])
    expect((it.of('error')[0]!.error as Error).message).toMatch(message)
    expect(it.of('stop')).toEqual([{ type: 'stop', error: it.of('error')[0]!.error }])
    expect(worker.health()).toMatchObject({ state: 'stopped', leaseHeld: false })
    expect((await rejection('ERR_CLOSED', worker.stop())).message).toMatch(message)
  })

  test.each(['claim', 'beat', 'settle'] as const)('it ends without another try when a %s finds out', async (where) => {
    let closed = false
    const refuse = async (): Promise<never> => {
      throw new QError('ERR_CLOSED', 'closed')
    }
    const it = scene((memory) => ({
      claim: (request) => (closed && where === 'claim' ? refuse() : memory.claim(request)),
      beat: (request) => (closed && where === 'beat' ? refuse() : memory.beat(request)),
      settle: (settlements) => (closed && where === 'settle' ? refuse() : memory.settle(settlements)),
    }))
    const worker = it.builder.build(() => 1)
    await worker.start()
    await it.clock.pass(10)
    closed = true
    await it.push(1)
    await it.clock.pass(10_000)
    expect(it.of('error')).toMatchObject([{ where, retryMs: null }])
    expect(worker.isStopped).toBe(true)
    await rejection('ERR_CLOSED', worker.stop())
  })

  test('stop() does not tell again what run() rejected with', async () => {
    const it = scene()
    const worker = it.builder.build(() => 1)
    const run = rejection('ERR_CLOSED', worker.run())
    await it.clock.pass(10)
    await it.storage.close()
    await it.clock.pass(10_000)
    await run
    await worker.stop()
  })
})
