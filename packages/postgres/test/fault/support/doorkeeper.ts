/** Counts who knocks at the port of a server that is down, and lets nobody in. */
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Connection attempts at a port. */
export class Doorkeeper implements AsyncDisposable {
  /** When each attempt was made, in milliseconds since the epoch. */
  readonly attempts: number[] = []
  readonly #server = createServer((socket) => {
    this.attempts.push(Date.now())
    socket.on('error', () => undefined)
    socket.resetAndDestroy()
  })

  static async at(port: number): Promise<Doorkeeper> {
    const keeper = new Doorkeeper()
    keeper.#server.listen(port, '127.0.0.1')
    await once(keeper.#server, 'listening')
    return keeper
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    await once(this.#server, 'close')
  }
}
