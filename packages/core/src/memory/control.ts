/** What people and programs do to tasks, queues and workers from outside. Held tasks are only ever asked to end. */
import { checkChange, storableReason } from '../backend/arguments.ts'
import type { WorkerCommand } from '../backend/backend.ts'
import type { CancelAnswer, ControlAnswer, ResumeAnswer, Retention, TaskChange } from '../backend/control.ts'
import { checkQueueName } from '../contract/queue-name.ts'
import { QError } from '../error.ts'
import { checkInteger, checkKnownOptions } from '../options.ts'
import { show } from '../show.ts'
import type { FinalStatus } from '../task/status.ts'
import type { InstanceId, TaskId } from '../task/task.ts'
import type { Engine } from './engine.ts'
import { notFound } from './engine.ts'
import type { Row, Wish } from './row.ts'
import { copyEncoded, copyMetadata, deadlineAt, dueAt, isFinished } from './row.ts'

const MOST_VACUUMED = 10_000
const COMMANDS: readonly WorkerCommand[] = ['work', 'pause', 'stop']
const RETENTION: readonly (keyof Retention)[] = ['doneMs', 'killedMs', 'cancelledMs']

/** See `Update`. */
export function update(engine: Engine, id: TaskId, change: TaskChange): ControlAnswer {
  checkChange(change)
  const now = engine.clock.now()
  const wish = wishOfChange(change, now)
  const row = engine.store.get(id)
  if (row === undefined) return 'unknown'
  if (row.token !== null) return 'busy'
  if (isFinished(row)) return 'ended'
  engine.store.change(row, wish, now)
  engine.wakers.changed([row.queue])
  return 'applied'
}

/** See `Cancel`. */
export function cancel(engine: Engine, ids: readonly TaskId[], reason?: string): CancelAnswer[] {
  const now = engine.clock.now()
  const told = toldReason(reason)
  const changed = new Set<string>()
  const news = new Set<string>()
  const answers = eachOnce(engine, ids, (row): CancelAnswer => {
    if (isFinished(row)) return 'ended'
    if (row.token !== null) {
      row.cancel ??= { reason: told }
      news.add(row.queue)
      return 'cancelling'
    }
    if (row.run !== null) {
      row.cancel ??= { reason: told }
      engine.hasten(row, now, changed)
      return 'cancelling'
    }
    engine.cancelWaiting(row, told, now, changed)
    return 'cancelled'
  })
  engine.wakers.changed(changed)
  engine.wakers.news(news)
  return answers
}

/** See `ResumeById`. */
export function resumeById(engine: Engine, ids: readonly TaskId[]): ResumeAnswer[] {
  const now = engine.clock.now()
  const changed = new Set<string>()
  const answers = eachOnce(engine, ids, (row): ResumeAnswer => {
    if (row.token !== null || row.run !== null) return 'busy'
    if (isFinished(row)) engine.revive(row, now)
    else engine.hasten(row, now, changed)
    changed.add(row.queue)
    return 'resumed'
  })
  engine.wakers.changed(changed)
  return answers
}

/** See `Remove`. Those who wait for a task that is removed are told that it is gone. */
export function remove(engine: Engine, ids: readonly TaskId[]): ControlAnswer[] {
  const changed = new Set<string>()
  const answers = eachOnce(engine, ids, (row): ControlAnswer => {
    if (row.token !== null || row.run !== null) return 'busy'
    engine.store.remove(row)
    engine.waiters.gone(row.id, notFound(row.id))
    changed.add(row.queue)
    return 'applied'
  })
  engine.wakers.changed(changed)
  return answers
}

/** See `Pause`. */
export function pause(engine: Engine, queue: string, info: { readonly by?: string; readonly reason?: string }): void {
  const order = engine.store.order(checkQueueName(queue))
  const [by, reason] = [told('by', info.by), told('reason', info.reason)]
  if (order.paused !== null) return
  order.paused = { at: engine.clock.now(), by, reason }
  engine.store.know(queue)
  engine.wakers.changed([queue])
  engine.wakers.news([queue])
}

function told(name: 'by' | 'reason', text: string | undefined): string | null {
  return text === undefined ? null : storableReason('pause', name, text)
}

/** See `Pause`. */
export function resume(engine: Engine, queue: string): void {
  const order = engine.store.order(checkQueueName(queue))
  if (order.paused === null) return
  order.paused = null
  engine.wakers.news([queue])
  engine.wakers.changed([queue])
}

/** See `CommandWorker`. */
export function commandWorker(engine: Engine, id: InstanceId, command: WorkerCommand): boolean {
  if (!COMMANDS.includes(command))
    throw new QError(
      'ERR_OPTION',
      `commandWorker: command must be one of ${COMMANDS.join(', ')}, got ${show(command)}.`,
    )
  const instance = engine.instances.get(id)
  if (instance === undefined) return false
  instance.command = command
  engine.wakers.news(instance.about.queues)
  return true
}

/** See `Vacuum`. */
export function vacuum(engine: Engine, queue: string, retention: Retention, limit: number): number {
  checkQueueName(queue)
  checkRetention('vacuum', retention, limit)
  const now = engine.clock.now()
  const old: Row[] = []
  for (const row of engine.store.finishedRows()) {
    if (old.length === limit) break
    const keepMs = keepFor(retention, row.status)
    if (row.queue === queue && keepMs !== undefined && row.finishedAt <= now - keepMs) old.push(row)
  }
  for (const row of old) engine.store.remove(row)
  return old.length
}

/** @throws QError `ERR_OPTION` */
export function checkRetention(where: string, retention: Retention, limit: number): void {
  checkInteger(where, 'limit', limit, 1, MOST_VACUUMED)
  checkKnownOptions(where, retention, RETENTION)
  for (const name of RETENTION)
    if (retention[name] !== undefined) checkInteger(where, name, retention[name], 0, Number.MAX_SAFE_INTEGER)
}

/** A reason as it is stored. */
export function toldReason(reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : storableReason('cancel', 'reason', reason)
}

function keepFor(retention: Retention, status: FinalStatus): number | undefined {
  switch (status) {
    case 'done':
      return retention.doneMs
    case 'killed':
      return retention.killedMs
    case 'cancelled':
      return retention.cancelledMs
  }
}

/** Answers for each id, doing what is to be done to a task once however often it is named. */
function eachOnce<Answer>(engine: Engine, ids: readonly TaskId[], act: (row: Row) => Answer): (Answer | 'unknown')[] {
  const answers = new Map<TaskId, Answer | 'unknown'>()
  return ids.map((id) => {
    const known = answers.get(id)
    if (known !== undefined) return known
    const row = engine.store.get(id)
    const answer = row === undefined ? 'unknown' : act(row)
    answers.set(id, answer)
    return answer
  })
}

function wishOfChange(change: TaskChange, now: number): Partial<Wish> {
  const { payload, due, priority, maxAttempts, metadata, timeoutMs, deadline } = change
  return {
    ...(payload === undefined ? {} : { payload: copyEncoded(payload) }),
    ...(due === undefined ? {} : { runAt: dueAt(due, now) }),
    ...(priority === undefined ? {} : { priority }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(metadata === undefined ? {} : { metadata: copyMetadata(metadata) }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(deadline === undefined ? {} : { deadline: deadlineAt(deadline, now) }),
  }
}
