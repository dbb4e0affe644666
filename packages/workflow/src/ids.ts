/**
 * Ids of steps: a pure function of run, node and index, so that whatever leads to a step stores the same one.
 *
 * A UUID of version 8 (RFC 9562 §5.8): the first 48 bits are those of the run, its time, which keeps the steps of a run
 * together in an index; 74 bits are a hash (MurmurHash3 x86 128 by Austin Appleby, public domain). Not meant to resist anybody who wants two to collide.
 */
import type { RunId, TaskId } from '@q/core'

/** The id of a step. */
export function stepId(run: RunId, node: string, index: number): TaskId {
  const [a, b, c, d] = murmur128(`${run} ${index} ${node}`)
  const hex = [a, b, c, d].map((word) => word.toString(16).padStart(8, '0')).join('')
  const variant = (8 | (Number.parseInt(hex[3]!, 16) & 3)).toString(16)
  return `${run.slice(0, 13)}-8${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`
}

/** The id of the run that a step starts. @param life How often the run of the step was retried: each life has a child of its own. */
export function childRunId(step: TaskId, life: number): RunId {
  return stepId(step, '$run', life)
}

const C = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93] as const
const TAIL = [15, 16, 17, 18] as const
const TURN = [19, 17, 15, 13] as const
const ADD = [0x561ccd1b, 0x0bcaa747, 0x96cd1c35, 0x32ac3b17] as const
const encoder = new TextEncoder()

function murmur128(text: string): [number, number, number, number] {
  const bytes = encoder.encode(text)
  const h: [number, number, number, number] = [0, 0, 0, 0]
  const blocks = bytes.length & ~15
  const word = (at: number): number =>
    (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
  const mix = (i: 0 | 1 | 2 | 3, k: number): number =>
    Math.imul(rotate(Math.imul(k, C[i]), TAIL[i]), C[((i + 1) & 3) as 0 | 1 | 2 | 3])
  for (let at = 0; at < blocks; at += 16) {
    for (const i of [0, 1, 2, 3] as const) {
      h[i] ^= mix(i, word(at + 4 * i))
      h[i] = (Math.imul((rotate(h[i], TURN[i]) + h[((i + 1) & 3) as 0 | 1 | 2 | 3]) | 0, 5) + ADD[i]) | 0
    }
  }
  // `word` reads zeros behind the end.
  for (const i of [3, 2, 1, 0] as const) if (bytes.length > blocks + 4 * i) h[i] ^= mix(i, word(blocks + 4 * i))
  for (const i of [0, 1, 2, 3] as const) h[i] ^= bytes.length
  spread(h)
  for (const i of [0, 1, 2, 3] as const) h[i] = finish(h[i])
  spread(h)
  return h.map((part) => part >>> 0) as [number, number, number, number]
}

function spread(h: [number, number, number, number]): void {
  h[0] = (h[0] + h[1] + h[2] + h[3]) | 0
  for (const i of [1, 2, 3] as const) h[i] = (h[i] + h[0]) | 0
}

function finish(part: number): number {
  let h = part
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}
