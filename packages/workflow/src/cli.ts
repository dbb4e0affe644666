#!/usr/bin/env node
/** The command `q-workflow check`: asks before a deploy which runs this build could not go on with, where a script can ask. */
import path from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import type { Graph } from './graph/graph.ts'
import { findStranded } from './run/check.ts'
import type { RunStore } from './run/store.ts'

const HELP = `Usage: q-workflow check MODULE

Prints the runs under way that this build could not go on with, and the nodes at which they are and which it does not know.

MODULE exports, by name or as a default object:
  store      a storage of the queue
  workflows  an array of all workflows of that queue

Exit code: 0 there are none, 1 there are some, 2 it could not be checked.
`

interface Checked {
  readonly store: RunStore
  readonly workflows: readonly { readonly graph: Graph }[]
}

/** What is wrong with how the command is used. */
class Misuse extends Error {}

async function main(given: readonly string[]): Promise<number> {
  const [command, file, ...rest] = given
  if (given.includes('--help') || given.includes('-h')) {
    process.stdout.write(HELP)
    return 0
  }
  if (command !== 'check' || file === undefined || rest.length > 0) {
    process.stderr.write(HELP)
    return 2
  }
  const { store, workflows } = await load(file)
  let stranded = 0
  for await (const { run, nodes } of findStranded(store, workflows)) {
    stranded++
    const version = run.version === null ? '' : ` version ${run.version}`
    const where = nodes.length === 0 ? 'this build does not know the workflow' : `is at ${nodes.join(', ')}`
    process.stdout.write(`${run.id} ${run.workflow}${version}: ${where}\n`)
  }
  return stranded === 0 ? 0 : 1
}

async function load(file: string): Promise<Checked> {
  const found: unknown = await import(pathToFileURL(path.resolve(file)).href)
  for (const from of [found, property(found, 'default')]) {
    const [store, workflows] = [property(from, 'store'), property(from, 'workflows')]
    if (isStore(store) && isWorkflows(workflows)) return { store, workflows }
  }
  throw new Misuse(`${file} must export store, a storage, and workflows, an array of workflows that is not empty.`)
}

function isStore(value: unknown): value is RunStore {
  return typeof property(value, 'backend') === 'object' && typeof property(value, 'queue') === 'string'
}

function isWorkflows(value: unknown): value is Checked['workflows'] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof property(each, 'graph') === 'object')
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

main(process.argv.slice(2)).then(
  // The connections of the store are the module's, and would keep this process.
  (code) => process.exit(code),
  (error: unknown) => {
    const text =
      error instanceof Misuse ? error.message : error instanceof Error ? (error.stack ?? String(error)) : String(error)
    process.stderr.write(`q-workflow: ${text}\n`)
    process.exit(2)
  },
)
