/** Where the command talks: data to stdout, talk to stderr, colour and moving lines only on a terminal. */
import { styleText } from "node:util"

type Style = Parameters<typeof styleText>[0]

export class Terminal {
  private readonly env: Readonly<Record<string, string | undefined>>
  private readonly out: NodeJS.WriteStream
  private readonly err: NodeJS.WriteStream
  /** Lines at the end that may be taken away. */
  private moving = 0

  constructor(
    env: Readonly<Record<string, string | undefined>>,
    out: NodeJS.WriteStream = process.stdout,
    err: NodeJS.WriteStream = process.stderr,
  ) {
    this.env = env
    this.out = out
    // A reader that has seen enough, such as `head`, closes the pipe: that is no failure of ours.
    out.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1))
    this.err = err
  }

  /** Whether lines on stderr may move and have colour. */
  get isLive(): boolean {
    return this.err.isTTY && !isOn(this.env["CI"]) && this.env["TERM"] !== "dumb"
  }

  get width(): number {
    return this.err.columns || 80
  }

  get height(): number {
    return this.err.rows || 24
  }

  /** Data, for the next program. */
  data(text: string): void {
    if (this.out.isTTY) this.move([])
    this.out.write(`${text}\n`)
  }

  /** Bytes of a destination that is stdout. Resolves when there is room for more. */
  async bytes(chunk: Uint8Array): Promise<void> {
    if (!this.out.write(chunk)) await new Promise<void>((resolve) => this.out.once("drain", resolve))
  }

  /** Talk, for people. It stays, above the lines that move. */
  say(text = ""): void {
    this.move([])
    this.err.write(`${text}\n`)
  }

  /** Draws lines at the end that the next ones take the place of. Only where `isLive`. */
  move(lines: ReadonlyArray<string>): void {
    // The terminal echoes ^C at the start of a line, so what is there goes too.
    const erased = this.moving === 0 ? "" : `\u001B[${this.moving}A\r\u001B[0J`
    this.moving = lines.length
    const text = erased + lines.map((line) => `${line}\n`).join("")
    if (text !== "") this.err.write(text)
  }

  /** Colour in talk. */
  style(style: Style, text: string): string {
    return this.hasColour(this.isLive) ? styleText(style, text, { validateStream: false }) : text
  }

  /** Colour in data, which may go to a file while the talk is on a terminal. */
  dataStyle(style: Style, text: string): string {
    return this.hasColour(this.out.isTTY && this.isLive) ? styleText(style, text, { validateStream: false }) : text
  }

  private hasColour(isTerminal: boolean): boolean {
    if (isOn(this.env["NO_COLOR"])) return false
    return isOn(this.env["FORCE_COLOR"]) || isTerminal
  }
}

const isOn = (value: string | undefined): boolean => value !== undefined && value !== "" && value !== "0" && value !== "false"
