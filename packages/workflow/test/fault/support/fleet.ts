/**
 * Keeps a number of worker processes alive, as a supervisor would. It ends only processes that it started, by their own
 * handle, and remembers those that ended although nobody had told them to.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { WorkerConfig } from './worker-process.ts'

interface WorkerProcess {
  readonly child: ChildProcess
  /** When its first handler was through, in milliseconds since the epoch. */
  workingAt: number
  told: boolean
  stderr: string
}

/** Worker processes that are started again whenever one ends. */
export class Fleet implements AsyncDisposable {
  /** How many a signal killed. */
  killed = 0
  /** What those wrote that ended by themselves. */
  readonly untold: string[] = []
  readonly #program: string
  readonly #config: WorkerConfig
  readonly #alive = new Set<WorkerProcess>()
  #stopping = false

  /** @param program One file, made by bundle.ts. */
  constructor(program: string, config: WorkerConfig, size: number) {
    this.#program = program
    this.#config = config
    for (let at = 0; at < size; at++) this.#start()
  }

  /** Kills one of those that have been at work for 50 ms at least, at random. @returns Whether there was one. */
  kill(): boolean {
    const working = [...this.#alive].filter(({ told, workingAt }) => !told && Date.now() - workingAt >= 50)
    const victim = working[Math.floor(Math.random() * working.length)]
    if (victim !== undefined) this.#signal(victim, 'SIGKILL')
    return victim !== undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    const last = [...this.#alive]
    const gone = last.map(({ child }) => once(child, 'close'))
    for (const each of last) this.#signal(each, 'SIGTERM')
    const insist = setTimeout(() => last.forEach((each) => this.#signal(each, 'SIGKILL')), 5_000)
    await Promise.all(gone)
    clearTimeout(insist)
  }

  #signal(worker: WorkerProcess, signal: NodeJS.Signals): void {
    worker.told = true
    worker.child.kill(signal)
  }

  #start(): void {
    const child = spawn(process.execPath, [this.#program], {
      stdio: 'pipe',
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        NODE_COMPILE_CACHE: path.join(this.#config.effects, 'compiled'),
        Q_FAULT_WORKER: JSON.stringify(this.#config),
      },
    })
    const worker: WorkerProcess = { child, workingAt: Infinity, told: false, stderr: '' }
    this.#alive.add(worker)
    child.stdin.on('error', () => undefined)
    child.stdout.on('data', () => (worker.workingAt = Math.min(worker.workingAt, Date.now())))
    child.stderr.on('data', (data: Buffer) => (worker.stderr = (worker.stderr + String(data)).slice(-4_000)))
    child.once('close', (code, signal) => {
      this.#alive.delete(worker)
      if (signal === 'SIGKILL') this.killed++
      if (!worker.told) this.untold.push(`exit ${code ?? signal}: ${worker.stderr}`)
      if (!this.#stopping) this.#start()
    })
  }
}
