/** What a command is: a line in the table, with its options, and a module that is loaded when the command runs. */
import type { Terminal } from "./Terminal.ts"

export interface OptionSpec {
  readonly type: "string" | "boolean"
  /** Shown as `--limit N`. */
  readonly value?: string
  readonly summary: string
  readonly multiple?: boolean
  readonly short?: string
}

export interface CommandSpec {
  readonly name: string
  /** After the name: `[file…]`. */
  readonly operands: string
  readonly summary: string
  readonly options: Readonly<Record<string, OptionSpec>>
  readonly example: string
  /** At most this many operands. */
  readonly most: number
  /** At least this many. */
  readonly least?: number
  readonly load: () => Promise<{ readonly run: RunCommand }>
}

export interface Invocation {
  readonly operands: ReadonlyArray<string>
  /** As they were written, without the command's name. */
  readonly argv: ReadonlyArray<string>
  readonly flags: Readonly<Record<string, string | boolean | ReadonlyArray<string> | undefined>>
  readonly terminal: Terminal
  /** The folder that the command was started in. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Gives the exit code: 0 done, 1 the work failed, 2 wrong usage or definition, 130 interrupted. */
export type RunCommand = (invocation: Invocation) => Promise<number>

/** Wrong usage: printed with a pointer to the help, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError"
}

export const textFlag = ({ flags }: Invocation, name: string): string | undefined => {
  const value = flags[name]
  return typeof value === "string" ? value : undefined
}

export const isSet = ({ flags }: Invocation, name: string): boolean => flags[name] === true

/** A whole number of a flag, or undefined where it is not given. */
export const countFlag = (invocation: Invocation, name: string): number | undefined => {
  const text = textFlag(invocation, name)
  if (text === undefined) return undefined
  if (!/^\d+$/.test(text)) throw new UsageError(`--${name} takes a whole number, not ${JSON.stringify(text)}.`)
  return Number(text)
}
