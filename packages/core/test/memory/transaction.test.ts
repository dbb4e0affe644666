import { expect, test } from 'vitest'
import { MemoryStorage } from '../../src/memory/memory-storage.ts'
import { rejection } from '../failure.ts'
import { newTask, Setup } from './setup.ts'

/** As a program without types would give it. */
const given = { tx: {} } as { readonly tx?: never }

test('a push in a transaction is refused, and nothing is stored', async () => {
  const { backend } = new Setup()
  const task = newTask()
  await rejection('ERR_NOT_SUPPORTED', backend.push([task], given))
  expect(await backend.fetchById(task.id)).toBeNull()
  const storage = new MemoryStorage<number>({ queue: 'q' })
  await rejection('ERR_NOT_SUPPORTED', storage.push(1, given))
  await rejection('ERR_NOT_SUPPORTED', storage.pushBulk([1], given))
  expect(await storage.count()).toEqual({ value: 0, kind: 'exact' })
})

test('a settlement in a transaction is refused, and the claim goes on', async () => {
  const setup = new Setup()
  await setup.push()
  const { id, token } = await setup.claimOne(await setup.instance())
  const settlement = { id, token, kind: 'released' } as const
  await rejection('ERR_NOT_SUPPORTED', setup.backend.settle([settlement], given))
  expect(await setup.backend.settle([settlement], { tx: undefined })).toEqual(['applied'])
})
