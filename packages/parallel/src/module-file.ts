/** Finds the module a thread is to load, at the place where it is named. */
import { QError } from '@q/core'
import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import path from 'node:path'

/** What a build turns into what. The same URL must do before it and after it. */
const SIBLINGS: Readonly<Record<string, string>> = {
  '.js': '.ts',
  '.mjs': '.mts',
  '.cjs': '.cts',
  '.ts': '.js',
  '.mts': '.mjs',
  '.cts': '.cjs',
}

/**
 * The file URL of a module: as given, or its source or build of the same name when only that exists.
 * @throws QError `ERR_OPTION` when it is no URL of a file or absolute path, or neither exists.
 */
export function moduleFile(module: URL | string): URL {
  const url = toFileUrl(module)
  if (url === undefined)
    throw new QError(
      'ERR_OPTION',
      `parallelize: the module must be a file URL, such as new URL('./resize.js', import.meta.url), or an absolute path; got ${String(module).slice(0, 200)}.`,
    )
  if (existsSync(url)) return url
  const extension = path.extname(url.pathname)
  const sibling = SIBLINGS[extension]
  if (sibling !== undefined) {
    const other = new URL(url)
    other.pathname = `${url.pathname.slice(0, -extension.length)}${sibling}`
    if (existsSync(other)) return other
  }
  throw new QError(
    'ERR_OPTION',
    `parallelize: there is no file ${url.href}. A thread loads a file of its own: name it relative to import.meta.url, and make sure that a bundler emits it.`,
  )
}

function toFileUrl(module: unknown): URL | undefined {
  if (module instanceof URL) return module.protocol === 'file:' ? module : undefined
  if (typeof module !== 'string') return undefined
  if (module.startsWith('file:')) return URL.canParse(module) ? new URL(module) : undefined
  return path.isAbsolute(module) ? pathToFileURL(module) : undefined
}
