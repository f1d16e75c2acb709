/** Help texts, made from the table of commands. */
import type { CommandSpec, OptionSpec } from "./Command.ts"
import { commands, sharedOptions } from "./commands.ts"

export const generalHelp = (): string => {
  const rows = commands.map((command) => [`${command.name} ${command.operands}`.trim(), command.summary] as const)
  return [
    "Run, check and inspect data pipelines.",
    "",
    "Usage: deltaflow COMMAND [options]",
    "",
    "Commands:",
    ...columns(rows),
    "",
    "Options:",
    ...columns([...optionRows(sharedOptions), ["--version", "Show the version."]]),
    "",
    "Start here:",
    "  deltaflow init my-pipelines && cd my-pipelines && deltaflow run",
    "",
    "`deltaflow COMMAND --help` says more. Exit codes: 0 done, 1 the work failed, 2 wrong usage or definition, 130 interrupted.",
  ].join("\n")
}

export const commandHelp = (command: CommandSpec): string =>
  [
    command.summary,
    "",
    `Usage: deltaflow ${command.name} ${command.operands === "" ? "" : `${command.operands} `}[options]`,
    "",
    "Options:",
    ...columns(optionRows({ ...command.options, ...sharedOptions })),
    "",
    "Example:",
    `  ${command.example}`,
  ].join("\n")

const optionRows = (options: Readonly<Record<string, OptionSpec>>): ReadonlyArray<readonly [string, string]> =>
  Object.entries(options).map(([name, option]) => [
    `--${name}${option.value === undefined ? "" : ` ${option.value}`}${option.short === undefined ? "" : `, -${option.short}`}`,
    option.summary,
  ])

const columns = (rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
