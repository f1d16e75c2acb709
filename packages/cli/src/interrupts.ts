/** Ctrl-C once asks the run to stop at its next checkpoint; twice ends it at once. */
import type { RunHandle } from "@deltaflow/core"
import type { Terminal } from "./Terminal.ts"

const SIGNALS = ["SIGINT", "SIGTERM"] as const

export class Interrupts {
  count = 0
  private handle: RunHandle | undefined
  private readonly terminal: Terminal
  private readonly isQuiet: boolean
  private readonly controller = new AbortController()
  private readonly listener = () => this.interrupt()

  constructor(terminal: Terminal, { isQuiet }: { readonly isQuiet: boolean }) {
    this.terminal = terminal
    this.isQuiet = isQuiet
    for (const signal of SIGNALS) process.on(signal, this.listener)
  }

  /** Aborts at the first Ctrl-C, for what waits before a run. */
  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** The run that a Ctrl-C stops from now on. */
  watch(handle: RunHandle): void {
    this.handle = handle
    if (this.count > 0) void handle.cancel()
  }

  /** Nothing runs any more, or not yet. */
  unwatch(): void {
    this.handle = undefined
  }

  stop(): void {
    for (const signal of SIGNALS) process.off(signal, this.listener)
  }

  private interrupt(): void {
    this.count++
    // A run that does not even end when it is told to, such as one in an endless loop of its own, must not keep the terminal.
    if (this.count > 2) process.exit(130)
    if (this.count > 1) {
      void this.handle?.cancel()
      return
    }
    this.controller.abort()
    if (this.handle === undefined) return
    this.say("Stopping at the next checkpoint. Press Ctrl-C again to stop at once.")
    void this.handle.stop()
  }

  private say(text: string): void {
    // Where nothing moves, the terminal has echoed ^C at the start of the line.
    if (!this.isQuiet) this.terminal.say(this.terminal.isLive ? `\r${text}` : text)
  }
}
