/**
 * A pooler between clients and PostgreSQL, as PgBouncer is in transaction mode: each transaction gets the connection that has waited
 * longest, so that nothing of a session is there in the next one.
 */
import { connect, createServer, type Server, type Socket } from "node:net"

export interface TransactionPooler {
  /** On 127.0.0.1. */
  readonly port: number
  /** The first column of what a statement gives in each of the sessions behind it. Nobody else may use it meanwhile. */
  readonly ask: (sql: string) => Promise<ReadonlyArray<ReadonlyArray<string>>>
  /** How many transactions each session had. */
  readonly transactions: () => ReadonlyArray<number>
  readonly stop: () => Promise<void>
}

export const startPooler = async (port: number, sessions: number): Promise<TransactionPooler> => {
  const all = await Promise.all(Array.from({ length: sessions }, () => Session.open(port)))
  const free = [...all]
  const waiting: Array<(session: Session) => void> = []
  const clients = new Set<Socket>()
  const take = (use: (session: Session) => void): void => {
    const session = free.shift()
    if (session === undefined) waiting.push(use)
    else use(session)
  }
  const giveBack = (session: Session): void => {
    const next = waiting.shift()
    if (next === undefined) free.push(session)
    else next(session)
  }
  const server = createServer((socket) => {
    clients.add(socket)
    // Messages are written one by one.
    socket.setNoDelay(true)
    socket.on("close", () => clients.delete(socket))
    socket.on("error", () => socket.destroy())
    new Client(socket, all[0]!.greeting, take, giveBack).start()
  })
  await listening(server)
  return {
    port: (server.address() as { readonly port: number }).port,
    ask: async (sql) => await Promise.all(all.map((session) => session.ask(sql))),
    transactions: () => all.map((session) => session.transactions),
    stop: async () => {
      for (const socket of clients) socket.destroy()
      for (const session of all) session.socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const listening = (server: Server): Promise<void> => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve()))

/** Cuts a stream of bytes into messages of a letter, a length and a body. */
class Messages {
  private rest: Buffer = Buffer.alloc(0)

  of(bytes: Buffer): ReadonlyArray<Buffer> {
    const whole: Array<Buffer> = []
    this.rest = Buffer.concat([this.rest, bytes])
    while (this.rest.length >= 5) {
      const end = 1 + this.rest.readUInt32BE(1)
      if (this.rest.length < end) break
      whole.push(this.rest.subarray(0, end))
      this.rest = this.rest.subarray(end)
    }
    return whole
  }
}

const message = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const typeOf = (bytes: Buffer): string => String.fromCharCode(bytes[0]!)

const VERSION = 196_608
const CANCEL = 80_877_102

class Session {
  readonly socket: Socket
  /** What a client is told first: settings of the server, and that it is ready. */
  greeting: Buffer = Buffer.alloc(0)
  transactions = 0
  onMessage: (bytes: Buffer) => void = () => undefined

  private constructor(socket: Socket) {
    this.socket = socket
  }

  static async open(port: number): Promise<Session> {
    const socket = connect(port, "127.0.0.1")
    const session = new Session(socket)
    socket.setNoDelay(true)
    // A server that ends is found by who asks it.
    socket.on("error", () => socket.destroy())
    const messages = new Messages()
    socket.on("data", (bytes: Buffer) => {
      for (const one of messages.of(bytes)) session.onMessage(one)
    })
    const body = Buffer.from("user\0postgres\0database\0postgres\0client_encoding\0UTF8\0\0")
    const head = Buffer.alloc(8)
    head.writeUInt32BE(body.length + 8)
    head.writeUInt32BE(VERSION, 4)
    socket.write(Buffer.concat([head, body]))
    const parts = await session.until()
    session.greeting = Buffer.concat(parts)
    return session
  }

  async ask(sql: string): Promise<ReadonlyArray<string>> {
    this.socket.write(message("Q", Buffer.from(`${sql}\0`)))
    const rows = (await this.until()).filter((one) => typeOf(one) === "D")
    return rows.map((row) => row.subarray(11, 11 + row.readUInt32BE(7)).toString())
  }

  /** All up to when it is ready. */
  private until(): Promise<ReadonlyArray<Buffer>> {
    const parts: Array<Buffer> = []
    return new Promise((resolve) => {
      this.onMessage = (one) => {
        parts.push(Buffer.from(one))
        if (typeOf(one) === "Z") resolve(parts)
      }
    })
  }
}

class Client {
  private readonly socket: Socket
  private readonly greeting: Buffer
  private readonly take: (use: (session: Session) => void) => void
  private readonly giveBack: (session: Session) => void
  private readonly messages = new Messages()
  private session: Session | undefined
  private isWaiting = false
  /** Not sent yet. */
  private held: Array<Buffer> = []
  /** Requests that the server answers with that it is ready. */
  private open = 0

  constructor(socket: Socket, greeting: Buffer, take: Client["take"], giveBack: Client["giveBack"]) {
    this.socket = socket
    this.greeting = greeting
    this.take = take
    this.giveBack = giveBack
  }

  start(): void {
    this.socket.once("data", (bytes: Buffer) => {
      const code = bytes.readUInt32BE(4)
      if (code === CANCEL) return void this.socket.destroy()
      if (code !== VERSION) {
        // No encryption here.
        this.socket.write("N")
        return this.start()
      }
      this.socket.write(this.greeting)
      this.socket.on("data", (more: Buffer) => {
        for (const one of this.messages.of(more)) this.send(Buffer.from(one))
      })
    })
  }

  private send(one: Buffer): void {
    if (typeOf(one) === "X") return void this.socket.destroy()
    if ("QSF".includes(typeOf(one))) this.open++
    if (this.session !== undefined) return void this.session.socket.write(one)
    this.held.push(one)
    if (this.isWaiting) return
    this.isWaiting = true
    this.take((session) => {
      this.isWaiting = false
      this.session = session
      session.transactions++
      session.onMessage = (answer) => this.receive(answer, session)
      session.socket.write(Buffer.concat(this.held))
      this.held = []
    })
  }

  private receive(one: Buffer, session: Session): void {
    this.socket.write(one)
    if (typeOf(one) !== "Z") return
    this.open--
    const isIdle = String.fromCharCode(one[5]!) === "I"
    if (!isIdle || this.open > 0) return
    this.session = undefined
    this.giveBack(session)
  }
}
