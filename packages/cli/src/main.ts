/** The command line: arguments in, exit code out. Loads only what the command needs. */
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { type CommandSpec, type Invocation, UsageError } from "./Command.ts"
import { commands, sharedOptions } from "./commands.ts"
import { commandHelp, generalHelp } from "./help.ts"
import { Terminal } from "./Terminal.ts"

/** Where a command runs, for who calls it in a process of their own. */
export interface Place {
  readonly terminal: Terminal
  readonly cwd: string
}

/** Runs the command and gives its exit code. Never throws. */
export const main = async (
  argv: ReadonlyArray<string>,
  env: Readonly<Record<string, string | undefined>>,
  place: Place = { terminal: new Terminal(env), cwd: process.cwd() },
): Promise<number> => {
  const { terminal } = place
  try {
    return await dispatch(argv, env, place)
  } catch (error) {
    if (error instanceof UsageError) {
      if (argv.includes("--json")) terminal.data(JSON.stringify({ error: { code: "USAGE", message: error.message } }))
      else terminal.say(`${terminal.style("red", "error")}: ${error.message}`)
      return 2
    }
    const { reportError } = await import("./report.ts")
    return reportError(terminal, error, { json: argv.includes("--json"), verbose: argv.includes("--verbose") })
  }
}

const dispatch = async (
  argv: ReadonlyArray<string>,
  env: Readonly<Record<string, string | undefined>>,
  { terminal, cwd }: Place,
): Promise<number> => {
  const [name, ...rest] = argv
  if (name === undefined || name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) {
    terminal.data(generalHelp())
    return name === undefined ? 2 : 0
  }
  if (name === "--version" || name === "-v") {
    terminal.data(version())
    return 0
  }
  const wanted = name === "help" ? rest[0]! : name
  const command = commands.find((candidate) => candidate.name === wanted)
  if (command === undefined) throw new UsageError(await unknownCommand(wanted))
  const parsed = parse(command, rest)
  if (name === "help" || parsed.values["help"] === true) {
    terminal.data(commandHelp(command))
    return 0
  }
  checkOperands(command, parsed.positionals)
  const { run } = await command.load()
  return await run({ operands: parsed.positionals, argv: rest, flags: parsed.values, terminal, cwd, env })
}

export const version = (): string =>
  (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }).version

const unknownCommand = async (name: string): Promise<string> => {
  const { nearestOf } = await import("./nearest.ts")
  const near = nearestOf(
    name,
    commands.map((command) => command.name),
  )
  return `there is no command ${name}.${near === undefined ? "" : ` Did you mean ${near}?`} See deltaflow --help.`
}

const parse = (command: CommandSpec, args: ReadonlyArray<string>) => {
  const options = Object.fromEntries(
    Object.entries({ ...command.options, ...sharedOptions }).map(([name, { type, multiple, short }]) => [
      name,
      { type, multiple: multiple ?? false, ...(short === undefined ? {} : { short }) },
    ]),
  )
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
    return { values: values as Invocation["flags"], positionals }
  } catch (error) {
    const message = error instanceof Error ? error.message.split(". To specify")[0]! : String(error)
    throw new UsageError(`${message.replace(/\.$/, "")}. See deltaflow ${command.name} --help.`)
  }
}

const checkOperands = (command: CommandSpec, operands: ReadonlyArray<string>): void => {
  const usage = `Usage: deltaflow ${command.name} ${command.operands}`.trim()
  if (operands.length > command.most) throw new UsageError(`${operands[command.most]} is one too many. ${usage}`)
  if (operands.length < (command.least ?? 0)) throw new UsageError(`something is missing. ${usage}`)
}

const GRACE_MS = 500

/**
 * Ends the process with this code as soon as everything has been written. A module of the user's that left a timer or a connection open
 * does not keep the command from ending.
 */
export const leave = (code: number): void => {
  process.exitCode = code
  const timer = setInterval(() => {
    if (process.stdout.writableLength === 0 && process.stderr.writableLength === 0) process.exit(code)
  }, GRACE_MS)
  timer.unref()
}

// The published command calls `main` and `leave` itself; this is for starting the source. A module that awaits could not be required.
if (import.meta.main) void main(process.argv.slice(2), process.env).then(leave)
