/**
 * The text of docs/reference/errors.md, made from the codes that core has.
 *
 * The advice stands here because it is for people; a code without advice does not compile.
 */
import { ERROR_CODES, type ErrorCode } from '@q/core'

const ADVICE: Readonly<Record<ErrorCode, string>> = {
  ERR_OPTION: 'Read the message: it names the option, what is allowed and often the word you meant.',
  ERR_DURATION: 'Write milliseconds as a number, or a number with `ms`, `s`, `m`, `h` or `d`.',
  ERR_QUEUE_NAME: 'Use 1 to 100 letters, digits and `-_.:/@`.',
  ERR_TASK_ID: 'Pass a UUID, such as one of `crypto.randomUUID()`, or leave `id` out.',
  ERR_ENCODE: 'Convert the value at the path named, or give the queue a codec that can carry it. Nothing was stored.',
  ERR_DECODE:
    'The task was killed with this reason and nothing else was hurt. Drain a queue before changing its codec, or give the new codec a queue of its own.',
  ERR_PAYLOAD_TOO_LARGE:
    'Store large data elsewhere and push a reference, or raise `maxPayloadBytes` (at most 64 MiB).',
  ERR_KEY_CONFLICT: 'A key stands for one payload: use another key, or push the same payload. Nothing was stored.',
  ERR_TASK_NOT_FOUND: 'Check the id and the schema. After a push in a transaction, wait after the commit.',
  ERR_RUN_NOT_FOUND: 'Check the id and the schema. After a start in a transaction, wait after the commit.',
  ERR_TASK_FAILED: 'Look at `error.cause`: it is the stored error of the task, or of the run.',
  ERR_WAIT_TIMEOUT: 'Wait again, longer; see whether a worker for this queue runs.',
  ERR_LEASE_LOST:
    'Stop working on the task: another worker has or gets it. Where it happens often, raise `lease`, and look for handlers that block the event loop.',
  ERR_CRASHED:
    'Nothing, as long as it is rare: the task runs again, or was killed when its attempts or the crash budget were spent. Otherwise look for what kills or blocks the process (memory, CPU, a native module).',
  ERR_CLOSED: 'Make a new storage or pool; close the old one only after its workers have stopped.',
  ERR_BACKEND_UNAVAILABLE:
    'Repeat: a push under the same ids and a settle under the same token are safe to repeat. Workers do so by themselves.',
  ERR_BACKEND: 'Look at `error.cause`; it is what the store said. Repeating does not help.',
  ERR_SCHEMA_MISSING: 'Run `PostgresStorage.setup(pool)` with the same `schema` before pushing or working.',
  ERR_SCHEMA_NEWER: 'Upgrade the package in this process.',
  ERR_NOT_SUPPORTED: 'Ask `supports(backend, capability)` first, or use another backend.',
  ERR_INVALID:
    'Correct the value at the path named. Nothing was stored by a push; a stored task that no longer fits was killed: migrate it, or loosen the schema.',
  ERR_SCHEMA_ASYNC: 'Use a schema that answers at once; look things up in the handler.',
  ERR_DEADLINE: 'Nothing, if late work is worthless. Otherwise give a later deadline, or more workers.',
  ERR_CANCELLED: 'Nothing: the message says why it was asked for. `resumeById` gives the task another life.',
  ERR_SKIPPED: 'Nothing: the rule of its join, or the route before it, decided. Look at `join` where this surprises.',
  ERR_FILTERED: 'Nothing: the filter decided. Look at its predicate where this surprises.',
  ERR_CIRCUIT_OPEN: 'Mend what the handler calls; the breaker tries again by itself.',
  ERR_TIMEOUT:
    'Raise `timeout`, or split the task; pass `ctx.signal` on so that the handler can stop. The attempt counts and is retried.',
  ERR_ABORT: 'Nothing: the handler asked for it by `AbortError`.',
  ERR_RETRY_AFTER: 'Nothing: the handler asked for it by `RetryAfterError`.',
  ERR_DEFERRED: 'Nothing: the handler asked for it by `DeferredError`.',
  ERR_NEXT_TWICE: 'Call `next()` once. To run a task again throw, and let the retry policy decide.',
  ERR_WORKER_STATE: 'Start the worker before pausing or resuming it; build a second one to run two.',
  ERR_SHUTDOWN_TIMEOUT:
    'The tasks named were given back and run again. Pass `ctx.signal` on so that handlers can stop, or raise `stopTimeout`.',
}

/** The whole page. */
export function errorPage(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { retryable, cause }]) => [
    `\`${code}\``,
    retryable ? 'yes' : 'no',
    cause,
    ADVICE[code as ErrorCode],
  ])
  return `<!-- Made by examples/docs/write.ts out of packages/core/src/error.ts. Do not edit. -->

# Errors

Everything thrown on purpose is a \`QError\` with a \`code\` that never changes. Recognise it by the code, not by its class: two copies of a package in one process still understand each other.

\`\`\`ts
import { isQError } from '@q/core'

try {
  await emails.push({ to: 'ada@example.com' }, { key: 'welcome/1' })
} catch (error) {
  if (!isQError(error, 'ERR_KEY_CONFLICT')) throw error
  console.log('pushed before, with other args')
}
\`\`\`

_Retryable_ means that the same call may succeed later without any change; it is also \`error.retryable\`.

${markdownTable(['code', 'retryable', 'cause', 'what to do'], rows)}

The stored error of a task also keeps a code that is not of this list when the handler's error had one: \`ECONNRESET\`, an SQLSTATE, one of yours.
`
}

/** Aligned as the formatter does it. */
function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
