/**
 * A supervisor as production has one: keeps a number of worker processes alive under one name.
 *
 * It ends only processes that it started, by their own handle, and remembers how each one went.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { WorkerConfig } from './worker-process.ts'

const PROGRAM = fileURLToPath(new URL('worker-process.ts', import.meta.url))

/** How one process went. */
export interface Exit {
  readonly pid: number
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Whether this suite had sent it a signal that ends it. */
  readonly ordered: boolean
  readonly stderr: string
}

/** One worker process. */
export class WorkerProcess {
  readonly pid: number
  /** Resolves when the worker has registered for the first time. */
  readonly ready: Promise<void>
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  /** When its first handler began, in milliseconds since the epoch. */
  workingAt: number | undefined = undefined
  isReady = false
  #ordered = false
  #stderr = ''

  constructor(config: WorkerConfig) {
    const child = spawn(process.execPath, ['--conditions=@q/source', PROGRAM], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        // Starting is most of what a storm of deaths costs.
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? path.join(config.ledgers, 'compiled'),
        Q_FAULT_WORKER: JSON.stringify(config),
      },
    })
    this.#child = child
    this.pid = child.pid ?? -1
    child.stdin?.on('error', () => undefined)
    child.stderr?.on('data', (data: Buffer) => {
      this.#stderr = (this.#stderr + String(data)).slice(-4_000)
    })
    this.ready = new Promise((resolve) => {
      child.stdout?.on('data', (data: Buffer) => {
        if (String(data).includes('working')) this.workingAt = Date.now()
        this.isReady = true
        resolve()
      })
    })
    this.exited = this.#end()
  }

  /** Sends a signal to this process and no other. */
  signal(signal: NodeJS.Signals): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    if (signal === 'SIGKILL' || signal === 'SIGTERM') this.#ordered = true
    this.#child.kill(signal)
  }

  async #end(): Promise<Exit> {
    const [code, signal] = (await once(this.#child, 'close')) as [number | null, NodeJS.Signals | null]
    return { pid: this.pid, code, signal, ordered: this.#ordered, stderr: this.#stderr }
  }
}

/** Some worker processes that are started again whenever one ends. */
export class Fleet implements AsyncDisposable {
  readonly exits: Exit[] = []
  readonly #config: WorkerConfig
  readonly #alive: WorkerProcess[] = []
  #stopping = false

  constructor(config: WorkerConfig, size: number) {
    this.#config = config
    for (let at = 0; at < size; at++) this.#start()
  }

  get alive(): readonly WorkerProcess[] {
    return this.#alive
  }

  /** Resolves when every process that is alive has registered. */
  async ready(): Promise<void> {
    const late = setTimeout(() => {
      const stderr = this.exits.map((exit) => exit.stderr).join('\n')
      process.stdout.write(`workers do not come up: ${this.exits.length} exits\n${stderr}\n`)
    }, 15_000)
    await Promise.all(this.#alive.map((worker) => worker.ready))
    clearTimeout(late)
  }

  /** Workers that have been at work for at least this long. */
  working(ms: number): WorkerProcess[] {
    return this.#alive.filter((worker) => Date.now() - (worker.workingAt ?? Infinity) >= ms)
  }

  /** Processes that ended although nobody had told them to. */
  get unordered(): Exit[] {
    return this.exits.filter((exit) => !exit.ordered)
  }

  /** Ends all of them by SIGTERM, by SIGKILL after `withinMs`, and waits until they are gone. */
  async stop(withinMs = 5_000): Promise<void> {
    this.#stopping = true
    const last = [...this.#alive]
    for (const each of last) {
      each.signal('SIGCONT')
      each.signal('SIGTERM')
    }
    const insist = setTimeout(() => last.forEach((each) => each.signal('SIGKILL')), withinMs)
    await Promise.all(last.map((each) => each.exited))
    clearTimeout(insist)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #start(): void {
    const worker = new WorkerProcess(this.#config)
    this.#alive.push(worker)
    void worker.exited.then((exit) => {
      this.exits.push(exit)
      this.#alive.splice(this.#alive.indexOf(worker), 1)
      if (!this.#stopping) this.#start()
    })
  }
}
