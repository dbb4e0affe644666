/**
 * Removes a database server whose owner is gone, however it went.
 *
 * The owner holds the other end of this process's standard input. When that closes, by a normal
 * exit or by `kill -9`, the server named in the data directory is stopped and its files removed.
 * Plain JavaScript, so that it starts fast and on any Node.
 */
import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const [home, data] = process.argv.slice(2)

// A terminal sends Ctrl-C to everybody; only the owner's end counts here.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

process.stdin.on('error', clean)
process.stdin.on('close', clean)
process.stdin.resume()

let cleaning = false
async function clean() {
  if (cleaning) return
  cleaning = true
  const pid = serverPid()
  if (pid !== undefined) {
    signal(pid, 'SIGQUIT')
    for (let i = 0; i < 100 && signal(pid, 0); i++) await sleep(20)
    signal(pid, 'SIGKILL')
  }
  for (let i = 0; i < 10; i++) {
    try {
      rmSync(home, { recursive: true, force: true })
      break
    } catch {
      await sleep(100)
    }
  }
  process.exit(0)
}

function serverPid() {
  try {
    const pid = Number.parseInt(readFileSync(path.join(data, 'postmaster.pid'), 'utf8'), 10)
    return pid > 1 ? pid : undefined
  } catch {
    return undefined
  }
}

function signal(pid, name) {
  try {
    process.kill(pid, name)
    return true
  } catch {
    return false
  }
}
