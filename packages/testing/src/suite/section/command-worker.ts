/** The capability `commandWorker`: one worker can be asked, from anywhere, to pause, go on or stop. */
import assert from 'node:assert/strict'
import { uuidv7 } from '@q/core'
import type { ConformanceCase } from '../case.ts'
import { fact, section } from '../case.ts'
import { ALL_IS_WELL } from '../instance.ts'
import { listen } from '../nudges.ts'

export const commandWorkerCases: readonly ConformanceCase[] = section(
  'commandWorker',
  [
    ...(['pause', 'stop'] as const).map((command) =>
      fact(`every beat says ${command} until something else is asked`, async (c) => {
        const instance = await c.instance()
        assert.deepEqual(await instance.beat(), ALL_IS_WELL)
        assert.equal(await c.with('commandWorker').commandWorker(instance.id, command), true)
        for (const _ of [1, 2]) assert.deepEqual(await instance.beat(), { ...ALL_IS_WELL, command })
        assert.equal(await c.with('commandWorker').commandWorker(instance.id, 'work'), true)
        assert.deepEqual(await instance.beat(), ALL_IS_WELL)
      }),
    ),
    fact('the last command counts, and the same one twice is one', async (c) => {
      const instance = await c.instance()
      for (const command of ['stop', 'pause', 'pause'] as const)
        assert.equal(await c.with('commandWorker').commandWorker(instance.id, command), true)
      assert.equal((await instance.beat()).command, 'pause')
    }),
    fact('other instances of the same name and queue are not asked', async (c) => {
      const [asked, other] = [await c.instance(), await c.instance()]
      await c.with('commandWorker').commandWorker(asked.id, 'stop')
      assert.equal((await other.beat()).command, 'work')
      assert.equal((await asked.beat()).command, 'stop')
    }),
    fact('an instance that never registered cannot be asked', async (c) => {
      assert.equal(await c.with('commandWorker').commandWorker(uuidv7(), 'stop'), false)
    }),
    fact('an instance that left cannot be asked', async (c) => {
      const instance = await c.instance()
      await c.backend.deregister(instance.id)
      assert.equal(await c.with('commandWorker').commandWorker(instance.id, 'pause'), false)
    }),
    fact('an instance that was swept cannot be asked', async (c) => {
      const instance = await c.instance()
      await c.expire(instance)
      await c.sweepAll()
      assert.equal(await c.with('commandWorker').commandWorker(instance.id, 'pause'), false)
    }),
    fact('registering again does not forget the command', async (c) => {
      const instance = await c.instance()
      await c.with('commandWorker').commandWorker(instance.id, 'pause')
      await instance.register()
      assert.equal((await instance.beat()).command, 'pause')
    }),
    fact('a command does not touch what the instance holds', async (c) => {
      const { task, holder } = await c.claimed()
      await c.with('commandWorker').commandWorker(holder.id, 'stop')
      assert.deepEqual(await holder.beat([task]), { ...ALL_IS_WELL, command: 'stop' })
      await holder.findsNothing()
      await c.assertOpen(task.id)
    }),
    fact(
      'another process may ask',
      async (c) => {
        const instance = await c.instance()
        assert.equal(await c.with('commandWorker', await c.second()).commandWorker(instance.id, 'pause'), true)
        assert.equal((await instance.beat()).command, 'pause')
      },
      'second',
    ),
    fact(
      'a command nudges the queues of the instance for news',
      async (c) => {
        const instance = await c.instance()
        await using heard = await listen(c, c.queue)
        await c.with('commandWorker').commandWorker(instance.id, 'pause')
        await heard.nudged(c.queue, 'news')
      },
      'wake',
    ),
  ],
  'commandWorker',
)
