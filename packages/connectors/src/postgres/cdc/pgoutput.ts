/**
 * Messages of a logical replication stream (https://www.postgresql.org/docs/current/protocol-replication.html) and of the plugin `pgoutput`
 * within it (protocol-logicalrep-message-formats.html), version 1. What is cut off or unknown is a `ProtocolError`.
 */

/** A place in the server's log. */
export type Lsn = bigint

export const formatLsn = (lsn: Lsn): string =>
  `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`

/** Throws `ProtocolError` where the text is no such place. */
export const parseLsn = (text: string): Lsn => {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text) ?? []
  if (high === undefined || low === undefined) throw new ProtocolError(`${JSON.stringify(text)} is no place in a log`)
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

export class ProtocolError extends Error {
  override readonly name = "ProtocolError"
}

/** A value as text, null, or undefined for a large one that did not change and was not sent. */
export type Tuple = ReadonlyArray<string | null | undefined>

export interface RelationColumn {
  readonly name: string
  /** Whether it is part of the replica identity. */
  readonly isKey: boolean
  /** The OID of its type, and the type's modifier or -1. */
  readonly type: number
  readonly modifier: number
}

export interface Relation {
  readonly kind: "relation"
  readonly id: number
  readonly schema: string
  readonly name: string
  /** `d`: the primary key, `f`: all columns, `i`: an index, `n`: nothing. */
  readonly identity: string
  readonly columns: ReadonlyArray<RelationColumn>
}

export type Change =
  /** `commitLsn` is where its commit begins. */
  | { readonly kind: "begin"; readonly commitLsn: Lsn; readonly time: bigint }
  /** `endLsn` is where its commit ends. */
  | { readonly kind: "commit"; readonly commitLsn: Lsn; readonly endLsn: Lsn; readonly time: bigint }
  | Relation
  | { readonly kind: "insert"; readonly relation: number; readonly row: Tuple }
  /** `old` is the key that changed, or all of the row before where the identity is full. */
  | { readonly kind: "update"; readonly relation: number; readonly old: OldRow | undefined; readonly row: Tuple }
  | { readonly kind: "delete"; readonly relation: number; readonly old: OldRow }
  | { readonly kind: "truncate"; readonly relations: ReadonlyArray<number> }
  /** Nothing that rows are made of: types, origins, messages of applications. */
  | { readonly kind: "other" }

export interface OldRow {
  /** Whether it is the key alone. */
  readonly isKey: boolean
  readonly row: Tuple
}

export type StreamMessage =
  | { readonly kind: "data"; readonly change: Change }
  /** The server has looked at its log up to here; all that it found there was sent before. */
  | { readonly kind: "alive"; readonly lsn: Lsn; readonly wantsReply: boolean }

/** One CopyData message of the stream. */
export const parseMessage = (bytes: Uint8Array): StreamMessage => {
  const reader = new Reader(bytes)
  const tag = reader.tag()
  if (tag === "w") {
    reader.skip(24)
    const change = parseChange(reader)
    reader.end()
    return { kind: "data", change }
  }
  if (tag !== "k") throw new ProtocolError(`a message of the unknown kind ${JSON.stringify(tag)} came`)
  const lsn = reader.uint64()
  reader.skip(8)
  const wantsReply = reader.uint8() === 1
  reader.end()
  return { kind: "alive", lsn, wantsReply }
}

const parseChange = (reader: Reader): Change => {
  const tag = reader.tag()
  switch (tag) {
    case "B": {
      const commitLsn = reader.uint64()
      const time = reader.int64()
      reader.skip(4)
      return { kind: "begin", commitLsn, time }
    }
    case "C": {
      reader.skip(1)
      return { kind: "commit", commitLsn: reader.uint64(), endLsn: reader.uint64(), time: reader.int64() }
    }
    case "R":
      return parseRelation(reader)
    case "I": {
      const relation = reader.uint32()
      expectTag(reader, "N")
      return { kind: "insert", relation, row: parseTuple(reader) }
    }
    case "U": {
      const relation = reader.uint32()
      const next = reader.tag()
      if (next === "N") return { kind: "update", relation, old: undefined, row: parseTuple(reader) }
      const old = parseOld(reader, next)
      expectTag(reader, "N")
      return { kind: "update", relation, old, row: parseTuple(reader) }
    }
    case "D": {
      const relation = reader.uint32()
      return { kind: "delete", relation, old: parseOld(reader, reader.tag()) }
    }
    case "T": {
      const count = reader.uint32()
      reader.skip(1)
      return { kind: "truncate", relations: reader.list(count, 4, () => reader.uint32()) }
    }
    case "Y":
    case "O":
    case "M":
      reader.rest()
      return { kind: "other" }
    default:
      throw new ProtocolError(`a change of the unknown kind ${JSON.stringify(tag)} came`)
  }
}

const parseRelation = (reader: Reader): Relation => {
  const id = reader.uint32()
  const schema = reader.text()
  const name = reader.text()
  const identity = reader.tag()
  const columns = reader.list(reader.uint16(), 10, () => ({
    isKey: (reader.uint8() & 1) === 1,
    name: reader.text(),
    type: reader.uint32(),
    modifier: reader.int32(),
  }))
  // The server leaves the name of its own catalogue out.
  return { kind: "relation", id, schema: schema === "" ? "pg_catalog" : schema, name, identity, columns }
}

const expectTag = (reader: Reader, wanted: string): void => {
  const tag = reader.tag()
  if (tag !== wanted) throw new ProtocolError(`${JSON.stringify(tag)} came where a row begins with ${wanted}`)
}

const parseOld = (reader: Reader, tag: string): OldRow => {
  if (tag !== "K" && tag !== "O") throw new ProtocolError(`${JSON.stringify(tag)} came where an old row begins with K or O`)
  return { isKey: tag === "K", row: parseTuple(reader) }
}

const parseTuple = (reader: Reader): Tuple =>
  reader.list(reader.uint16(), 1, () => {
    const tag = reader.tag()
    if (tag === "n") return null
    if (tag === "u") return undefined
    if (tag !== "t") throw new ProtocolError(`a value of the unknown kind ${JSON.stringify(tag)} came`)
    return reader.utf8(reader.uint32())
  })

/** Reads forward; past the end is an error. */
class Reader {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  tag(): string {
    return String.fromCharCode(this.uint8())
  }
  uint8(): number {
    return this.bytes[this.take(1)]!
  }
  uint16(): number {
    return this.bytes.readUInt16BE(this.take(2))
  }
  uint32(): number {
    return this.bytes.readUInt32BE(this.take(4))
  }
  int32(): number {
    return this.bytes.readInt32BE(this.take(4))
  }
  uint64(): bigint {
    return this.bytes.readBigUInt64BE(this.take(8))
  }
  int64(): bigint {
    return this.bytes.readBigInt64BE(this.take(8))
  }
  utf8(length: number): string {
    const start = this.take(length)
    return this.bytes.toString("utf8", start, start + length)
  }
  /** Up to a zero byte. */
  text(): string {
    const end = this.bytes.indexOf(0, this.at)
    if (end < 0) throw new ProtocolError("a message ended within a text")
    const text = this.bytes.toString("utf8", this.at, end)
    this.at = end + 1
    return text
  }
  skip(length: number): void {
    this.take(length)
  }
  rest(): void {
    this.at = this.bytes.length
  }
  /** `least` are the bytes that an item has at least: what cannot be there is not waited for. */
  list<A>(count: number, least: number, item: () => A): ReadonlyArray<A> {
    if (count * least > this.bytes.length - this.at) throw new ProtocolError(`a message ended before its ${count} parts`)
    return Array.from({ length: count }, item)
  }
  end(): void {
    if (this.at < this.bytes.length) throw new ProtocolError(`a message has ${this.bytes.length - this.at} bytes too many`)
  }

  private take(length: number): number {
    const start = this.at
    if (start + length > this.bytes.length) throw new ProtocolError("a message ended early")
    this.at = start + length
    return start
  }
}

const EPOCH_MICROS = 946_684_800_000_000n

/** Microseconds since 2000, as the server counts, to microseconds since 1970. */
export const sinceEpoch = (time: bigint): number => Number(time + EPOCH_MICROS)

/** Tells the server how far the rows are durable. With `asks`, it answers at once. */
export const statusUpdate = (received: Lsn, durable: Lsn, now: number, asks: boolean): Buffer => {
  const bytes = Buffer.alloc(34)
  bytes.write("r", 0, "latin1")
  bytes.writeBigUInt64BE(received, 1)
  bytes.writeBigUInt64BE(durable, 9)
  bytes.writeBigUInt64BE(durable, 17)
  bytes.writeBigInt64BE(BigInt(now) * 1000n - EPOCH_MICROS, 25)
  bytes[33] = asks ? 1 : 0
  return bytes
}
