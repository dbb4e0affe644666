/**
 * A real Postgres for tests, examples and benchmarks.
 *
 * `DATABASE_URL` wins when it is set. Otherwise a server is started: its own data directory below
 * the system's temporary one, a free port on 127.0.0.1, a random password, fsync on. It runs in
 * its own process group, so Ctrl-C reaches the program and not its database, and it never
 * outlives the program: see guard.mjs.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Binaries, findBinaries, type PostgresVersion, reachableBy } from './binaries.ts'

export type { PostgresVersion } from './binaries.ts'

export interface StartOptions {
  /** Major version, 18 unless told; `POSTGRES_VERSION` in the environment is the default. */
  readonly version?: PostgresVersion
  /** Receives what the server logs, as it comes. Silent unless given. */
  readonly log?: (text: string) => void
  /** Settings on top of the ones for tests, such as `{ log_statement: 'all' }`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Start a server even when `DATABASE_URL` is set, for tests that stop and kill it. */
  readonly own?: boolean
}

export interface Database extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** Whether the server is ours: false with `DATABASE_URL`, and then it cannot be stopped. */
  readonly own: boolean
  /** Ends the server and removes its files. May be called again; does nothing to a server that is not ours. */
  stop(): Promise<void>
  /** `kill -9` on the server: committed data survives. Every connection breaks. */
  kill(): Promise<void>
  /** Stops the server (`immediate`: without a checkpoint) unless it is down, and starts it on the same port and data. */
  restart(mode?: 'fast' | 'immediate'): Promise<void>
}

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '256MB',
  max_connections: '200',
  max_prepared_transactions: '10',
  max_wal_size: '2GB',
  timezone: 'UTC',
}

const READY_WITHIN_MS = 30_000
const STOP_WITHIN_MS = 10_000

/** Starts a server, or names the one in `DATABASE_URL`. Takes about a second. */
export async function startDatabase(options: StartOptions = {}): Promise<Database> {
  const given = process.env['DATABASE_URL']
  if (given && !options.own) return external(given)

  const version = options.version ?? versionFromEnvironment()
  const user = await serverUser()
  const home = await mkdtemp(path.join(tmpdir(), 'q-postgres-'))
  const data = path.join(home, 'data')
  const guard = startGuard(home, data)
  try {
    await chmod(home, 0o755)
    await mkdir(data, { mode: 0o700 })
    if (user) await chown(data, user.uid, user.gid)
    const binaries = await reachableBy(await findBinaries(version), user?.uid, home)
    const password = randomBytes(12).toString('hex')
    await initialise(binaries, home, data, password, user)
    const server = new Server(binaries, home, data, user, options)
    await server.startOnFreePort()
    const url = `postgres://postgres:${password}@127.0.0.1:${server.port}/postgres`
    return new EmbeddedDatabase(url, server, guard)
  } catch (error) {
    await dismiss(guard)
    throw error
  }
}

class EmbeddedDatabase implements Database {
  readonly own = true
  readonly url: string
  readonly #server: Server
  readonly #guard: ChildProcess
  #stopped: Promise<void> | undefined

  constructor(url: string, server: Server, guard: ChildProcess) {
    this.url = url
    this.#server = server
    this.#guard = guard
  }

  get port(): number {
    return this.#server.port
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#end()
    return this.#stopped
  }

  async #end(): Promise<void> {
    try {
      await this.#server.end('SIGINT')
    } finally {
      await dismiss(this.#guard)
    }
  }

  kill(): Promise<void> {
    return this.#server.end('SIGKILL')
  }

  async restart(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    if (this.#stopped) throw new Error('This database was stopped and its files are gone: start another one.')
    await this.#server.end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
    await this.#server.start()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** One data directory and the process that serves it, if one does. */
class Server {
  port = 0
  readonly #binaries: Binaries
  readonly #home: string
  readonly #data: string
  readonly #user: ServerUser | undefined
  readonly #options: StartOptions
  #process: ChildProcess | undefined

  constructor(binaries: Binaries, home: string, data: string, user: ServerUser | undefined, options: StartOptions) {
    this.#binaries = binaries
    this.#home = home
    this.#data = data
    this.#user = user
    this.#options = options
  }

  /** Between finding a free port and binding it another process may take it; then another port is tried. */
  async startOnFreePort(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.port = await freePort()
      try {
        return await this.start()
      } catch (error) {
        if (attempt === 5 || !String(error).includes('could not bind')) throw error
      }
    }
  }

  async start(): Promise<void> {
    const deadline = Date.now() + READY_WITHIN_MS
    for (;;) {
      const failure = await this.#attempt(deadline)
      if (failure === undefined) return
      // After kill -9 the old backends need a moment to notice that their parent is gone.
      if (!failure.includes('shared memory block') || Date.now() > deadline) {
        throw new Error(`Postgres did not start on port ${this.port}:\n${failure}`)
      }
      await sleep(50)
    }
  }

  /** Resolves to what the server said when it did not come up. */
  async #attempt(deadline: number): Promise<string | undefined> {
    const logFile = path.join(this.#home, 'server.log')
    // A file, not a pipe: a program that is too busy to read must not stall its database.
    const log = await open(logFile, 'w')
    const settings = { ...SETTINGS, ...this.#options.settings, port: String(this.port) }
    const server = spawn(
      this.#binaries.postgres,
      ['-D', this.#data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      { ...this.#user, cwd: this.#home, detached: true, stdio: ['ignore', log.fd, log.fd] },
    )
    server.unref()
    let spawnError: Error | undefined
    server.on('error', (error) => (spawnError = error))
    await log.close()
    this.#process = server
    if (this.#options.log) follow(logFile, server, this.#options.log)
    while (Date.now() < deadline) {
      if (spawnError) return spawnError.message
      if (server.exitCode !== null || server.signalCode !== null) return await readFile(logFile, 'utf8')
      if (await this.#isReady(server.pid)) return undefined
      await sleep(10)
    }
    await this.end('SIGKILL')
    return `not ready after ${READY_WITHIN_MS} ms\n${await readFile(logFile, 'utf8')}`
  }

  /** The server writes its state into the last line of its lock file. */
  async #isReady(pid: number | undefined): Promise<boolean> {
    const lines = (await readFile(path.join(this.#data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
    return lines[0] === String(pid) && lines[7]?.trim() === 'ready'
  }

  async end(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void> {
    const server = this.#process
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    server.ref()
    const gone = once(server, 'exit')
    server.kill(signal)
    const insist = setTimeout(() => server.kill('SIGKILL'), STOP_WITHIN_MS)
    await gone
    clearTimeout(insist)
  }
}

interface ServerUser {
  readonly uid: number
  readonly gid: number
}

/** Postgres refuses to run as root, so root lends it an account: `postgres` where that exists, else `nobody`. */
async function serverUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const run = promisify(execFile)
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])])
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
    } catch {
      // No such account: try the next.
    }
  }
  throw new Error(
    'Postgres refuses to run as root, and there is neither a "postgres" nor a "nobody" account to run it as. ' +
      'Add one, run as another user, or set DATABASE_URL.',
  )
}

async function initialise(
  binaries: Binaries,
  home: string,
  data: string,
  password: string,
  user: ServerUser | undefined,
): Promise<void> {
  const passwordFile = path.join(home, 'password')
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (user) await chown(passwordFile, user.uid, user.gid)
  const args = [
    `--pgdata=${data}`,
    `--pwfile=${passwordFile}`,
    '--username=postgres',
    '--auth=password',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ]
  try {
    await promisify(execFile)(binaries.initdb, args, { ...user, cwd: home })
  } catch (cause) {
    throw new Error(`Postgres could not create its data directory: ${(cause as { stderr?: string }).stderr}`, {
      cause,
    })
  } finally {
    await rm(passwordFile, { force: true })
  }
}

function startGuard(home: string, data: string): ChildProcess {
  const file = fileURLToPath(new URL('guard.mjs', import.meta.url))
  const guard = spawn(process.execPath, [file, home, data], {
    detached: true,
    cwd: tmpdir(),
    stdio: ['pipe', 'ignore', 'ignore'],
    // The guard must not inherit a debugger, a coverage collector or a loader.
    env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' },
  })
  guard.on('error', () => {})
  guard.stdin?.on('error', () => {})
  guard.unref()
  ;(guard.stdin as unknown as { unref?(): void } | null)?.unref?.()
  return guard
}

/** Tells the guard to clean up now and waits until it has. */
async function dismiss(guard: ChildProcess): Promise<void> {
  if (guard.exitCode !== null || guard.signalCode !== null) return
  guard.ref()
  const gone = once(guard, 'exit')
  guard.stdin?.end()
  await gone
}

function follow(file: string, server: ChildProcess, log: (text: string) => void): void {
  let offset = 0
  const read = async (): Promise<void> => {
    const text = (await readFile(file).catch(() => Buffer.alloc(0))).subarray(offset)
    offset += text.length
    if (text.length > 0) log(text.toString('utf8'))
  }
  const timer = setInterval(() => void read(), 100)
  timer.unref()
  server.on('exit', () => {
    clearInterval(timer)
    void read()
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function versionFromEnvironment(): PostgresVersion {
  const text = process.env['POSTGRES_VERSION'] || '18'
  if (text === '18') return 18
  if (text === '14') return 14
  throw new Error(`POSTGRES_VERSION must be 18 or 14, got "${text}". For another version set DATABASE_URL.`)
}

function external(url: string): Database {
  const refuse = (): Promise<never> =>
    Promise.reject(
      new Error('The server in DATABASE_URL is not ours to kill or restart. Start one with { own: true }.'),
    )
  const stop = (): Promise<void> => Promise.resolve()
  return {
    url,
    port: Number(new URL(url).port || 5432),
    own: false,
    stop,
    kill: refuse,
    restart: refuse,
    [Symbol.asyncDispose]: stop,
  }
}
