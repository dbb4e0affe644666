/** Reads the lines of one task in order, page by page. */
import type { LogLine, Report } from '../backend/visibility.ts'
import { checkKnownOptions } from '../options.ts'
import type { TaskId } from '../task/task.ts'

/** Lines asked for at once. */
const PAGE = 200

/** A line as readers are given it. */
export interface TaskLogLine extends Omit<LogLine, 'fields'> {
  /** What the handler gave besides the message; undefined when it gave nothing. */
  readonly fields: Readonly<Record<string, unknown>> | undefined
}

/** Which lines, and for how long. */
export interface ReadLogOptions {
  /** Lines after the one with this `seq`. Default: from the first that is kept. */
  readonly after?: string
  /** Goes on until the task has ended and is quiet. Default false: what is there now. */
  readonly follow?: boolean
  /** Ends the stream; nothing is thrown. */
  readonly signal?: AbortSignal
}

/** @throws QError `ERR_OPTION` */
export function checkLogOptions(options: ReadLogOptions): ReadLogOptions {
  checkKnownOptions('logs', options, ['after', 'follow', 'signal'] satisfies readonly (keyof ReadLogOptions)[])
  return options
}

/** A place in the lines of one task. */
export class LogCursor {
  readonly #backend: Report
  readonly #id: TaskId
  #after: string | undefined

  constructor(backend: Report, id: TaskId, after?: string) {
    this.#backend = backend
    this.#id = id
    this.#after = after
  }

  /** The lines from here to the present end, and moves there. */
  async *rest(signal?: AbortSignal): AsyncGenerator<TaskLogLine> {
    let found = PAGE
    while (found === PAGE && signal?.aborted !== true) {
      const after = this.#after === undefined ? {} : { after: this.#after }
      const lines = await this.#backend.readLog(this.#id, { limit: PAGE, ...after })
      for (const line of lines) {
        this.#after = line.seq
        yield { ...line, fields: fieldsOf(line.fields) }
      }
      found = lines.length
    }
  }
}

/** The lines of a task. An unknown task has none. */
export async function* readLines(backend: Report, id: TaskId, options: ReadLogOptions): AsyncGenerator<TaskLogLine> {
  yield* new LogCursor(backend, id, options.after).rest(options.signal)
}

/** Text that is no object, which no worker of ours writes, is shown as it is. */
function fieldsOf(text: string | null): TaskLogLine['fields'] {
  if (text === null) return undefined
  try {
    const fields: unknown = JSON.parse(text)
    if (typeof fields === 'object' && fields !== null && !Array.isArray(fields)) return { ...fields }
  } catch {
    // Shown as text.
  }
  return { text }
}
