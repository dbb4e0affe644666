import { expect, test } from 'vitest'
import type { ClaimedTask } from '../../src/task/task.ts'
import { type AttemptHost, RunningTask } from '../../src/worker/context.ts'
import type { WorkerHandle } from '../../src/worker/handle.ts'
import { RunningTasks } from '../../src/worker/running.ts'
import { ManualClock } from '../manual-clock.ts'

const LIMIT_MS = 10_000

/** Attempts, each of which ends when it expires. */
function scene(next?: () => RunningTask | undefined) {
  const clock = new ManualClock()
  const expired: string[] = []
  const running = new RunningTasks(clock, LIMIT_MS, (task) => {
    expired.push(task.taskId)
    end(task)
    const other = next?.()
    if (other !== undefined) running.add(other)
  })
  const host: Pick<AttemptHost, 'clock' | 'worker'> = { clock, worker: { instance: 'i' } as WorkerHandle }
  const task = (id: string): RunningTask => new RunningTask({ id } as ClaimedTask, host as AttemptHost, clock.now())
  const end = (one: RunningTask): void => {
    one.end()
    running.delete(one)
  }
  return { clock, expired, running, task, end }
}

test('attempts are listed in the order of their start, whichever end between', () => {
  const { running, task, end } = scene()
  const tasks = ['a', 'b', 'c', 'd'].map(task)
  for (const each of tasks) running.add(each)
  const ids = (): string => [...running].map((each) => each.taskId).join('')
  expect([ids(), running.size]).toEqual(['abcd', 4])
  end(tasks[1]!)
  expect(ids()).toBe('acd')
  end(tasks[3]!)
  running.add(task('e'))
  expect(ids()).toBe('ace')
  end(tasks[0]!)
  expect([ids(), running.size]).toEqual(['ce', 2])
})

test('an attempt that ends while others are listed is passed over', () => {
  const { running, task, end } = scene()
  const tasks = ['a', 'b', 'c'].map(task)
  for (const each of tasks) running.add(each)
  const seen: string[] = []
  for (const each of running) {
    seen.push(each.taskId)
    if (each === tasks[0]) tasks.slice(0, 2).forEach(end)
  }
  expect(seen).toEqual(['a', 'c'])
})

test('what starts in the place of an attempt that timed out times out too', () => {
  const more = ['c', 'b']
  const it = scene(() => {
    const id = more.pop()
    return id === undefined ? undefined : it.task(id)
  })
  it.running.add(it.task('a'))
  it.clock.advance(LIMIT_MS)
  expect(it.expired).toEqual(['a'])
  it.clock.advance(LIMIT_MS - 1)
  expect(it.expired).toEqual(['a'])
  it.clock.advance(1)
  it.clock.advance(LIMIT_MS)
  expect([it.expired, it.running.size]).toEqual([['a', 'b', 'c'], 0])
})
