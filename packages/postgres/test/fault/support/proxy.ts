/**
 * Stands between a worker and its database on 127.0.0.1 and loses statements, or their replies: the statement is
 * committed then, and its sender never hears of it.
 */
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

/** A proxy in front of one database. */
export class LossyProxy implements AsyncDisposable {
  readonly url: string
  /** How many statements or replies were lost. */
  lost = 0
  /** What is lost of a doomed exchange. */
  loses: 'statement' | 'reply' = 'reply'
  readonly #close: () => Promise<void>
  #doomed: { readonly text: string; left: number } | undefined

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url
    this.#close = close
  }

  static async open(databaseUrl: string): Promise<LossyProxy> {
    const target = new URL(databaseUrl)
    const open = new Set<Socket>()
    let proxy: LossyProxy | undefined
    const server = createServer((client) => {
      const upstream = connect(Number(target.port || 5432), target.hostname)
      let doomed = false
      for (const socket of [client, upstream]) {
        open.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => {
          open.delete(socket)
          client.destroy()
          upstream.destroy()
        })
      }
      client.on('data', (data) => {
        doomed ||= proxy?.dooms(data) === true
        if (doomed && proxy?.loses === 'statement') client.destroy()
        else upstream.write(data)
      })
      upstream.on('data', (data) => {
        if (doomed) client.destroy()
        else client.write(data)
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = new URL(databaseUrl)
    url.port = String((server.address() as AddressInfo).port)
    proxy = new LossyProxy(url.href, async () => {
      server.close()
      for (const socket of open) socket.destroy()
      await once(server, 'close')
    })
    return proxy
  }

  /** Loses the next `count` statements that contain this text, or the replies to them. */
  lose(what: 'statement' | 'reply', text: string, count: number): void {
    this.loses = what
    this.#doomed = { text, left: count }
  }

  /** Whether the reply to this is to be lost. */
  dooms(data: Buffer): boolean {
    if (this.#doomed === undefined || this.#doomed.left === 0) return false
    if (!data.includes(this.#doomed.text)) return false
    this.#doomed.left -= 1
    this.lost += 1
    return true
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close()
  }
}
