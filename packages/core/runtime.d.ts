/**
 * Every global that core uses beyond the language itself.
 *
 * Core imports nothing, not even `node:*`, and must not depend on the types of one runtime:
 * `lib.dom` would let `window` through, `@types/node` would let `process` and `Buffer` through.
 * So the part that Node, Deno, Bun, workers and browsers share is declared here, and only as far
 * as it is used. This file is for checking core alone: it is not imported, not published, and
 * programs that use core see the globals of their own runtime.
 */

interface Event {
  readonly type: string
}

interface AbortSignal {
  readonly aborted: boolean
  readonly reason: any
  throwIfAborted(): void
  addEventListener(
    type: 'abort',
    listener: (event: Event) => void,
    options?: { once?: boolean; signal?: AbortSignal },
  ): void
  removeEventListener(type: 'abort', listener: (event: Event) => void): void
}

declare var AbortSignal: {
  abort(reason?: unknown): AbortSignal
  any(signals: AbortSignal[]): AbortSignal
  timeout(milliseconds: number): AbortSignal
}

declare class AbortController {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
}

/** What a timer function returns differs by runtime; name it `ReturnType<typeof setTimeout>`. */
interface Timer {
  ref?(): unknown
  unref?(): unknown
}

declare function setTimeout(callback: () => void, milliseconds?: number): Timer
declare function clearTimeout(timer: Timer | undefined): void
declare function setInterval(callback: () => void, milliseconds?: number): Timer
declare function clearInterval(timer: Timer | undefined): void
declare function queueMicrotask(callback: () => void): void
declare function structuredClone<T>(value: T): T

declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>
  encodeInto(text: string, target: Uint8Array): { readonly read: number; readonly written: number }
  encodeInto(text: string, into: Uint8Array): { read: number; written: number }
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(bytes?: ArrayBuffer | ArrayBufferView): string
}

declare var crypto: {
  getRandomValues<T extends ArrayBufferView>(array: T): T
  randomUUID(): `${string}-${string}-${string}-${string}-${string}`
}

declare var performance: { readonly timeOrigin: number; now(): number }

declare var console: {
  debug(...data: unknown[]): void
  info(...data: unknown[]): void
  log(...data: unknown[]): void
  warn(...data: unknown[]): void
  error(...data: unknown[]): void
}
