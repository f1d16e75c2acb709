/** The rows of one JSON text, piece by piece, whatever the size of the whole. */
import { countLines, DecodeError, EnvelopeError, JsonEnvelope, type JsonArrayText } from "@deltaflow/core/text"
import { LargeRow } from "../files/rowChunks.ts"
import { readFully, type TextReader } from "../files/textReader.ts"

export type DecodeRows = (bytes: Uint8Array, state: { readonly first: boolean; readonly final: boolean }) => JsonArrayText

/** Rows, and where the text goes on behind them. */
export interface JsonPiece {
  readonly text: JsonArrayText
  /** In bytes, as the reader counts. */
  readonly end: number
  /** False for the only row, behind which reading cannot go on. */
  readonly inRows: boolean
  /** Line ends up to there, from where the reading began. */
  readonly lines: number
}

export interface JsonFileOptions {
  /** Keys on the way to the rows; none where the text is the rows. */
  readonly path: ReadonlyArray<string>
  readonly decode: DecodeRows
  readonly blockBytes: number
  readonly rowLimit: number
  /** Whether the reader stands between two rows of the array, and not at the start of the text. */
  readonly inRows: boolean
}

/** A text without a single byte, which is told apart from JSON that ends too soon. */
export class EmptyText extends Error {
  override readonly name = "EmptyText"
}

/**
 * Throws `EmptyText`, `DecodeError` with lines from where the reading began, `LargeRow`, and what the reader throws. Closes the reader at
 * the end.
 */
export async function* readJsonRows(reader: TextReader, options: JsonFileOptions): AsyncGenerator<JsonPiece> {
  const file = new JsonFile(reader, options)
  try {
    yield* file.pieces()
  } finally {
    await reader.close()
  }
}

class JsonFile {
  private readonly reader: TextReader
  private readonly options: JsonFileOptions
  private readonly envelope: JsonEnvelope
  /** What has been read and not been passed. */
  private bytes: Uint8Array = new Uint8Array(0)
  private final = false
  private readonly utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  private position: number
  private lines = 0
  /** Characters before `bytes` in its first line. */
  private characters = 0

  constructor(reader: TextReader, options: JsonFileOptions) {
    this.reader = reader
    this.options = options
    this.position = reader.position
    this.envelope = new JsonEnvelope(options.path)
    if (options.inRows) this.envelope.enter()
  }

  async *pieces(): AsyncGenerator<JsonPiece> {
    let inRows: "array" | "object" | undefined = this.options.inRows ? "array" : undefined
    await this.fill()
    if (this.bytes.length === 0 && inRows === undefined) throw new EmptyText("the text is empty")
    for (;;) {
      inRows ??= await this.toRows()
      if (inRows === undefined) return
      if (inRows === "object") yield await this.onlyRow()
      else yield* this.array()
      this.envelope.leave()
      inRows = undefined
    }
  }

  /** Passes what stands around the rows; undefined at the end of the text. */
  private async toRows(): Promise<"array" | "object" | undefined> {
    for (;;) {
      const found = this.located(() => this.envelope.feed(this.bytes, 0, this.bytes.length))
      const at = found?.at ?? this.bytes.length
      this.checkEnvelope(this.bytes.subarray(0, at), found !== undefined || this.final)
      this.pass(at)
      if (found !== undefined) return found.found
      if (this.final) break
      await this.fill()
    }
    this.located(() => this.envelope.end(0))
    return undefined
  }

  private async *array(): AsyncGenerator<JsonPiece> {
    let first = !this.options.inRows
    for (;;) {
      const text = this.located(() => this.options.decode(this.bytes, { first, final: this.final }))
      if (text.rows > 0) first = false
      this.pass(text.consumed)
      // Who goes on from here finds the closing bracket.
      if (text.rows > 0) yield { text, end: this.position - (text.closed ? 1 : 0), inRows: true, lines: this.lines }
      if (text.closed) return
      await this.fill()
    }
  }

  private async onlyRow(): Promise<JsonPiece> {
    let end = objectEnd(this.bytes)
    while (end < 0 && !this.final) {
      await this.fill()
      end = objectEnd(this.bytes)
    }
    const row = this.bytes.subarray(0, end < 0 ? this.bytes.length : end)
    // As the only element of an array; where the object does not end, the bracket does not hide it.
    const element = end < 0 ? row : Buffer.concat([row, Buffer.from("]")])
    const text = this.located(() => this.options.decode(element, { first: true, final: true }))
    this.pass(row.length)
    return { text, end: this.position, inRows: false, lines: this.lines }
  }

  /** Reads another block behind what is left; the more, the longer what is left is. */
  private async fill(): Promise<void> {
    const left = this.bytes.length
    if (left > this.options.rowLimit) throw new LargeRow(this.position)
    const buffer = new Uint8Array(left + Math.max(left, this.options.blockBytes))
    buffer.set(this.bytes)
    const read = await readFully(this.reader, buffer.subarray(left))
    this.bytes = buffer.subarray(0, left + read)
    this.final = left + read < buffer.length
  }

  private pass(length: number): void {
    const passed = this.bytes.subarray(0, length)
    const lineStart = passed.lastIndexOf(10) + 1
    this.lines += countLines(passed, 0, length)
    this.characters = (lineStart > 0 ? 0 : this.characters) + countCharacters(passed, lineStart)
    this.position += length
    this.bytes = this.bytes.subarray(length)
  }

  /** What stands around the rows has to be text too. `isEnd` where the rows or the end of the text follow. */
  private checkEnvelope(bytes: Uint8Array, isEnd: boolean): void {
    try {
      this.utf8.decode(bytes, { stream: !isEnd })
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause
      throw new DecodeError("WRONG_ENCODING", "the bytes in this line are no UTF-8. Write the file in UTF-8.", {
        row: 0,
        line: this.lines + 1,
      })
    }
  }

  private located<A>(run: () => A): A {
    try {
      return run()
    } catch (cause) {
      throw this.place(cause)
    }
  }

  private place(cause: unknown): unknown {
    if (cause instanceof EnvelopeError) return new DecodeError(cause.code, `${cause.message}.`, { row: 0, ...this.placeOf(cause.at) })
    if (!(cause instanceof DecodeError)) return cause
    const { code, message, row, line, character, column } = cause
    const shifted = character === undefined ? {} : { character: line === 1 ? character + this.characters : character }
    return new DecodeError(code, message, { row, line: line + this.lines, ...shifted, ...(column === undefined ? {} : { column }) })
  }

  private placeOf(at: number): { readonly line: number; readonly character: number } {
    const before = this.bytes.subarray(0, at)
    const lineStart = before.lastIndexOf(10) + 1
    const characters = countCharacters(before, lineStart) + (lineStart > 0 ? 0 : this.characters)
    return { line: this.lines + countLines(before, 0, at) + 1, character: characters + 1 }
  }
}

const countCharacters = (bytes: Uint8Array, from: number): number => {
  let characters = 0
  for (let at = from; at < bytes.length; at++) if ((bytes[at]! & 0xc0) !== 0x80) characters++
  return characters
}

/** Behind the brace that closes the object at the start, or -1. */
const objectEnd = (bytes: Uint8Array): number => {
  let depth = 0
  let inString = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === 92 && inString) at++
    else if (byte === 34) inString = !inString
    else if (!inString && byte === 0x7b) depth++
    else if (!inString && byte === 0x7d && --depth === 0) return at + 1
  }
  return -1
}
