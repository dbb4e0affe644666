/** The largest resident set of this process so far. */
import { readFileSync } from 'node:fs'

/** The kernel's own mark of this program, in bytes. `maxRSS` would count what the parent had before it became this program. */
export function peakRss(): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    return Number(kib![1]) * 1024
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}
