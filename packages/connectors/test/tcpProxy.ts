/** A TCP proxy that does to connections what networks do. What it does may change while they are open. */
import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"

export interface Behaviour {
  /** Milliseconds by which bytes come late, in both directions. */
  readonly latencyMs?: number
  /** Bytes that go through in one piece. */
  readonly pieces?: number
  /** Whether bytes that come from either side are lost, while connections stay open. */
  readonly blackHole?: boolean
  /** Whether who connects is refused. */
  readonly refuses?: boolean
}

/** Looks at what a client sends, before it goes on; gives what is to be done with the connection. */
export type Watch = (bytes: Buffer) => "pass" | "cut before" | "cut after the answer"

export class TcpProxy {
  behaviour: Behaviour = {}
  watch: Watch = () => "pass"
  private readonly target: number
  private readonly server: Server
  private readonly pairs = new Set<readonly [Socket, Socket]>()

  private constructor(target: number) {
    this.target = target
    this.server = createServer({ pauseOnConnect: true }, (client) => this.accept(client))
  }

  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    proxy.server.listen(0, "127.0.0.1")
    await once(proxy.server, "listening")
    return proxy
  }

  get port(): number {
    return (this.server.address() as { readonly port: number }).port
  }

  /** Resets all connections, as a router does that was restarted. */
  reset(): void {
    for (const [client, server] of this.pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
  }

  async close(): Promise<void> {
    this.reset()
    this.server.close()
    await once(this.server, "close")
  }

  private accept(client: Socket): void {
    if (this.behaviour.refuses === true) return void client.resetAndDestroy()
    const server = connect(this.target, "127.0.0.1")
    const pair = [client, server] as const
    this.pairs.add(pair)
    let isLast = false
    const end = (): void => {
      this.pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of pair) {
      // Whoever is cut off hears of it by the end of the connection.
      socket.setNoDelay(true)
      socket.on("error", end)
      socket.on("close", end)
    }
    client.on("data", (bytes) => {
      const told = this.watch(bytes)
      if (told === "cut before") return end()
      isLast ||= told === "cut after the answer"
      this.pass(bytes, server)
    })
    server.on("data", (bytes) => (isLast ? end() : this.pass(bytes, client)))
    client.resume()
  }

  private pass(bytes: Buffer, to: Socket): void {
    const { latencyMs, pieces = bytes.length, blackHole } = this.behaviour
    if (blackHole === true) return
    const write = (): void => {
      for (let at = 0; at < bytes.length; at += pieces) if (to.writable) to.write(bytes.subarray(at, at + pieces))
    }
    if (latencyMs === undefined) write()
    else setTimeout(write, latencyMs)
  }
}
