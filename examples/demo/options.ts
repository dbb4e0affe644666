/** What the demo can be told; a word it does not know is answered at once. */
import { didYouMean } from '@q/core'

/** Options of the demo. */
export interface DemoOptions {
  /** End after the main job. */
  readonly once: boolean
  /** Decides the input; the same seed gives the same tasks. */
  readonly seed: number
}

const KNOWN = ['--once', '--seed', '--help']
const DEFAULT_SEED = 20_26

export const USAGE = `npm start -- [--once] [--seed N]
  --once    end after the main job, with exit code 0 if every count is as expected
  --seed N  another input, a whole number from 0 to 4294967295 (default ${DEFAULT_SEED})
DATABASE_URL names the database; without it one is started for the demo.`

/** The options, `'help'`, or the sentence to print when they cannot be read. */
export function readOptions(args: readonly string[]): DemoOptions | 'help' | { readonly wrong: string } {
  let once = false
  let seed = DEFAULT_SEED
  const rest = [...args]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [name = '', attached] = arg.split('=', 2)
    if (name === '--help' || name === '-h') return 'help'
    if (name === '--once' && attached === undefined) once = true
    else if (name === '--seed') {
      const value = attached ?? rest.shift() ?? ''
      seed = Number(value)
      if (!/^\d+$/.test(value) || seed > 0xffff_ffff)
        return { wrong: `--seed must be a whole number from 0 to 4294967295, got "${value}".` }
    } else {
      const near = didYouMean(name, KNOWN)
      return { wrong: `unknown option "${arg}"${near === undefined ? '.' : `, did you mean "${near}"?`}` }
    }
  }
  return { once, seed }
}
