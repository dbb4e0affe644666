/**
 * Stands between a worker and its database on 127.0.0.1 and cuts a connection at one moment: before what was sent arrives, or
 * after it did and before it is answered.
 */
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

/** A proxy in front of one database. */
export class CuttingProxy implements AsyncDisposable {
  readonly url: string
  /** How many connections were cut. */
  cuts = 0
  readonly #close: () => Promise<void>
  #doom: { readonly loses: 'request' | 'reply'; readonly texts: readonly string[] } | undefined

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url
    this.#close = close
  }

  static async open(databaseUrl: string): Promise<CuttingProxy> {
    const target = new URL(databaseUrl)
    const open = new Set<Socket>()
    let proxy: CuttingProxy | undefined
    const server = createServer((client) => {
      const upstream = connect(Number(target.port || 5432), target.hostname)
      let seen = 0
      let loses: 'request' | 'reply' | undefined
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
        const doom = proxy?.next(seen, data)
        if (doom !== undefined) seen += 1
        if (doom?.last === true) ({ loses } = doom)
        if (loses === 'request') client.destroy()
        else upstream.write(data)
      })
      upstream.on('data', (data) => {
        if (loses === 'reply') client.destroy()
        else client.write(data)
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = new URL(databaseUrl)
    url.port = String((server.address() as AddressInfo).port)
    proxy = new CuttingProxy(url.href, async () => {
      server.close()
      for (const socket of open) socket.destroy()
      await once(server, 'close')
    })
    return proxy
  }

  /** Cuts once the connection over which these texts are sent, one after the other, at the last of them. */
  cut(loses: 'request' | 'reply', ...texts: readonly string[]): void {
    this.#doom = { loses, texts }
  }

  /** Whether this is the next of the texts, for a connection that has sent so many of them. */
  next(seen: number, data: Buffer): { readonly loses: 'request' | 'reply'; readonly last: boolean } | undefined {
    const doom = this.#doom
    if (doom === undefined || !data.includes(doom.texts[seen]!)) return undefined
    const last = seen === doom.texts.length - 1
    if (last) {
      this.#doom = undefined
      this.cuts += 1
    }
    return { loses: doom.loses, last }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close()
  }
}
