/** Passes on to a task's context what its handler said on a thread. */
import type { TaskContext } from '@q/core'
import type { LogNews, ReportNews } from './message.ts'

/** Never throws: a line is not the task's work. */
export function forward(ctx: TaskContext, news: LogNews | ReportNews): void {
  try {
    if (news.kind === 'report') ctx.report(news.progress)
    else ctx.log[news.level](news.message, news.fields)
  } catch {
    // The context refuses what it was told; the attempt goes on.
  }
}
