/**
 * Runs the elements of one slice, some at a time, and remembers about once a second how far it is.
 *
 * An element that fails in a slice of several becomes a step of its own, stored with the slice's settlement.
 */
import {
  AbortError,
  type Encoded,
  type ErrorRecord,
  isQError,
  isSteering,
  type ProgramContext,
  QError,
  sleep,
  toErrorRecord,
} from '@q/core'
import { type Goto, isGoto } from '../../build/goto.ts'
import { storedName } from '../../graph/names.ts'
import type { Hole, SliceResult } from '../collections.ts'
import { stepContext } from '../context.ts'
import { frameOf } from '../frame.ts'
import type { Host } from '../host.ts'
import { type Outcome, outcome } from '../outcome.ts'
import { encodeShort, paged } from '../pages.ts'
import { mustTurn, turn } from '../turn.ts'
import { afterPart, laneMs, type MapNode, type Part, retryOf, shareOf } from './parts.ts'

const CHECKPOINT_MS = 1_000

/** How one element came out: `kept`, or nothing (dropped), or failed. */
type ElementEnd = { readonly kept: readonly unknown[] } | { readonly error: ErrorRecord; readonly final: boolean }

/** How far a slice is: the elements before `p` are over, with what they left. */
interface Position {
  readonly p: number
  readonly v: readonly unknown[]
  readonly h: readonly Hole[]
}

/** Runs a slice, or one element of it. */
export async function runPart(host: Host, node: MapNode, ctx: ProgramContext, part: Part): Promise<Outcome> {
  if (part.kind === 'element' && part.error !== undefined) throw new AbortError(new Error(part.error.message))
  const { map, slice } = part
  const found = await host.collections.slice(map.source, slice, map.size)
  const elements = new Elements(host, node, ctx, part, found)
  const { v, h } = await elements.go()
  const result = await encodeSlice(host, ctx, h.length === 0 ? { v } : { v, h })
  const moves = afterPart(frameOf(ctx.task), node, part, ctx.task.runAt, h, (at) => elements.waits.get(at) ?? 0)
  return outcome({ kind: 'moves', result, moves })
}

/** What was kept as one value, or on pages where it is too much for that. */
async function encodeSlice(host: Host, { task }: ProgramContext, { v, h }: SliceResult): Promise<Encoded | null> {
  const holes = h === undefined ? {} : { h }
  const whole = encodeShort(host, { v, ...holes })
  if (whole !== undefined) return whole
  const { ref } = await paged(host, task, v)
  return host.values.encode({ v: [], pages: { count: ref.count, size: ref.size }, ...holes } satisfies SliceResult)
}

class Elements {
  readonly #host: Host
  readonly #node: MapNode
  readonly #ctx: ProgramContext
  readonly #elements: readonly unknown[]
  readonly #part: Part
  /** Whether an element that fails is left to a step of its own; otherwise the whole step fails with it. */
  readonly #apart: boolean
  readonly #paceMs: number
  readonly #ends: (ElementEnd | undefined)[] = []
  /** For how long elements that are to run by themselves wait, by their place. */
  readonly waits = new Map<number, number>()
  #position: Position
  #next: number
  #startAt: number
  #lookedAt: number
  #saving = false
  /** The first error that ends the whole step: nothing more is started. */
  #stopped: { readonly error: unknown } | undefined = undefined

  constructor(host: Host, node: MapNode, ctx: ProgramContext, part: Part, found: readonly unknown[]) {
    this.#host = host
    this.#node = node
    this.#ctx = ctx
    this.#part = part
    this.#elements = part.kind === 'element' ? found.slice(part.at, part.at + 1) : found
    this.#apart = part.kind === 'slice' && part.map.size > 1
    this.#paceMs = part.kind === 'slice' ? laneMs(node, part.map) : 0
    this.#position = this.#stored() ?? { p: 0, v: [], h: [] }
    this.#next = this.#position.p
    this.#startAt = this.#lookedAt = ctx.clock.now()
  }

  async go(): Promise<Position> {
    const { kind, map, slice } = this.#part
    const atOnce = kind === 'element' ? 1 : shareOf(this.#node, map, slice)
    const left = this.#elements.length - this.#next
    // Those under way are waited for even so: what they do must not go on after the step has ended.
    await Promise.all(Array.from({ length: Math.min(atOnce, left) }, () => this.#run()))
    if (this.#stopped !== undefined) throw this.#stopped.error
    return this.#fold()
  }

  async #run(): Promise<void> {
    try {
      while (this.#more()) {
        if (this.#paceMs > 0) await this.#pace()
        if (mustTurn()) await turn()
        if (!this.#more()) return
        this.#ctx.signal.throwIfAborted()
        const at = this.#next++
        const end = this.#one(at)
        this.#ends[at] = end instanceof Promise ? await end : end
        if (this.#apart && this.#ctx.clock.now() - this.#lookedAt >= CHECKPOINT_MS) await this.#save()
      }
    } catch (error) {
      this.#stopped ??= { error }
    }
  }

  #more(): boolean {
    return this.#stopped === undefined && this.#next < this.#elements.length
  }

  /** Waits until the next element may start. */
  async #pace(): Promise<void> {
    const { clock, signal } = this.#ctx
    const now = clock.now()
    const at = Math.max(now, this.#startAt)
    this.#startAt = at + this.#paceMs
    if (at > now) await sleep(clock, at - now, signal)
  }

  #one(at: number): ElementEnd | Promise<ElementEnd> {
    const { map, slice, kind } = this.#part
    const place = kind === 'element' ? this.#part.at : at
    const index = slice * map.size + place
    const ctx = stepContext(this.#ctx, {
      index,
      key: `${this.#ctx.task.step!.run}:${storedName(this.#node)}:${index}`,
      ...(kind === 'element' ? { attempt: this.#ctx.attempt + 1 } : {}),
      ...(this.#apart ? { shared: true } : {}),
    })
    try {
      const returned = this.#node.work.run(this.#elements[at], ctx)
      return isThenable(returned) ? this.#later(at, returned) : this.#kept(returned)
    } catch (error) {
      return this.#failed(at, error)
    }
  }

  async #later(at: number, returned: PromiseLike<unknown>): Promise<ElementEnd> {
    try {
      return this.#kept(await returned)
    } catch (error) {
      return this.#failed(at, error)
    }
  }

  #kept(returned: unknown): ElementEnd {
    const value = isGoto(returned) ? this.#valueOf(returned) : returned
    const dropped = this.#node.work.filter && (value === undefined || value === null)
    return { kept: dropped ? [] : [value ?? null] }
  }

  #valueOf(goto: Goto): unknown {
    if (goto.kind === 'next') return goto.value
    if (goto.kind === 'fail') throw new AbortError(goto.error)
    throw new AbortError(
      new QError(
        'ERR_INVALID',
        `Map "${this.#node.name}": an element cannot return goto.${goto.kind}(): a map leads on when all its elements are over. Return goto.next() or goto.fail().`,
      ),
    )
  }

  #failed(at: number, thrown: unknown): ElementEnd {
    // One that may not fail at all fails the run, and there is no reason to wait for the others.
    if (!this.#apart || this.#ctx.signal.aborted) throw thrown
    const final = this.#isFinal(thrown)
    if (final && this.#part.map.tolerated === 0) throw isQError(thrown, 'ERR_ABORT') ? thrown : new AbortError(thrown)
    if (!final) this.waits.set(at, isSteering(thrown) && 'afterMs' in thrown ? thrown.afterMs : this.#backoff())
    return { error: toErrorRecord(thrown), final }
  }

  /** Whether it is not to be tried again. */
  #isFinal(thrown: unknown): boolean {
    const { limit, retryIf } = retryOf(this.#node, 0, this.#host.policy)
    if (isQError(thrown, 'ERR_DEFERRED')) return false
    if (isQError(thrown, 'ERR_ABORT') || isQError(thrown, 'ERR_FILTERED') || limit <= 1) return true
    if (retryIf === undefined || isSteering(thrown)) return false
    try {
      return !retryIf(thrown, this.#ctx)
    } catch {
      return false
    }
  }

  #backoff(): number {
    try {
      const ms = retryOf(this.#node, 0, this.#host.policy).backoff(1)
      return ms >= 0 ? Math.ceil(ms) : 0
    } catch {
      return 0
    }
  }

  /** Saves the position, as long as it is short enough. */
  async #save(): Promise<void> {
    if (this.#saving) return
    this.#lookedAt = this.#ctx.clock.now()
    this.#saving = true
    try {
      const position = encodeShort(this.#host, this.#fold())
      if (position !== undefined) await this.#ctx.progress(position.bytes)
    } finally {
      this.#saving = false
    }
  }

  /** Takes what is over, from the front. */
  #fold(): Position {
    let { p } = this.#position
    const v = [...this.#position.v]
    const h = [...this.#position.h]
    for (let end = this.#ends[p]; end !== undefined; end = this.#ends[++p]) {
      this.#ends[p] = undefined
      if ('kept' in end) v.push(...end.kept)
      else h.push(end.final ? [v.length, p, end.error] : [v.length, p])
    }
    this.#position = { p, v, h }
    return this.#position
  }

  /** Of a slice: the checkpoint of an element that is a step of its own belongs to the user. */
  #stored(): Position | undefined {
    const { checkpoint } = this.#ctx
    return checkpoint === null || !this.#apart ? undefined : (this.#host.values.decodeBytes(checkpoint) as Position)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
