/** Formats everything and applies the safe fixes of the linter. */
import { spawnSync } from 'node:child_process'

for (const [command, ...args] of [
  ['oxlint', '--type-aware', '--fix'],
  ['prettier', '--write', '--log-level=warn', '.'],
]) {
  const { status } = spawnSync(command, args, {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exitCode = status ?? 1
}
