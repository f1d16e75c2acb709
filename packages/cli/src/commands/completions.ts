/** `deltaflow completions`: scripts for shells, made from the table of commands. */
import { type CommandSpec, isSet, type RunCommand, UsageError } from "../Command.ts"
import { commands, sharedOptions } from "../commands.ts"

export const run: RunCommand = (invocation) => {
  const shell = invocation.operands[0]!
  const make = SHELLS[shell]
  if (make === undefined) throw new UsageError(`completions knows bash, zsh and fish, not ${JSON.stringify(shell)}.`)
  invocation.terminal.data(isSet(invocation, "json") ? JSON.stringify({ shell, script: make() }) : make())
  return Promise.resolve(0)
}

/** Words that a command takes before its files. */
const WORDS: Readonly<Record<string, ReadonlyArray<string>>> = {
  state: ["show", "reset", "set"],
  runs: ["show"],
  completions: ["bash", "zsh", "fish"],
}

const optionsOf = (command: CommandSpec) => Object.entries({ ...command.options, ...sharedOptions })

const flagsOf = (command: CommandSpec): ReadonlyArray<string> => optionsOf(command).map(([name]) => `--${name}`)

const names = (): string => commands.map(({ name }) => name).join(" ")

export const bashScript = (): string =>
  [
    "# Completions of deltaflow for bash.",
    "_deltaflow() {",
    '  local word="${COMP_WORDS[COMP_CWORD]}" choices=""',
    "  COMPREPLY=()",
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    choices="${names()} --help --version"`,
    "  else",
    '    case "${COMP_WORDS[1]}" in',
    ...commands.map((command) => `      ${command.name}) choices="${[...(WORDS[command.name] ?? []), ...flagsOf(command)].join(" ")}" ;;`),
    "    esac",
    "  fi",
    '  COMPREPLY=($(compgen -W "$choices" -- "$word"))',
    "}",
    "complete -o default -F _deltaflow deltaflow",
  ].join("\n")

export const zshScript = (): string =>
  [
    "#compdef deltaflow",
    "_deltaflow() {",
    "  local -a commands",
    "  commands=(",
    ...commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary.replaceAll(":", "\\:")}`)}`),
    "  )",
    "  if (( CURRENT == 2 )); then",
    "    _describe command commands",
    "    return",
    "  fi",
    "  case $words[2] in",
    ...commands.map((command) => `    ${command.name}) _arguments ${zshArguments(command)} ;;`),
    "  esac",
    "}",
    'if [ "$funcstack[1]" = "_deltaflow" ]; then _deltaflow "$@"; else compdef _deltaflow deltaflow; fi',
  ].join("\n")

const zshArguments = (command: CommandSpec): string => {
  const flags = optionsOf(command).map(([name, { summary, value }]) => {
    const about = summary.replaceAll(/[[\]:]/g, "\\$&")
    return quoted(`*--${name}[${about}]${value === undefined ? "" : `:${value}:_files`}`)
  })
  const words = WORDS[command.name]
  return [...flags, words === undefined ? "'*:file:_files'" : quoted(`2:what:(${words.join(" ")})`)].join(" ")
}

export const fishScript = (): string =>
  [
    "# Completions of deltaflow for fish.",
    ...commands.map(({ name, summary }) => `complete -c deltaflow -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`),
    ...commands.flatMap((command) =>
      optionsOf(command).map(([name, option]) => fishOption(command.name, name, option.summary, option.value !== undefined)),
    ),
    ...Object.entries(WORDS).map(
      ([name, words]) => `complete -c deltaflow -n '__fish_seen_subcommand_from ${name}' -a '${words.join(" ")}'`,
    ),
  ].join("\n")

const fishOption = (command: string, name: string, summary: string, takesValue: boolean): string =>
  `complete -c deltaflow -n '__fish_seen_subcommand_from ${command}' -l ${name}${takesValue ? " -r" : ""} -d ${quoted(summary)}`

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

const SHELLS: Readonly<Record<string, () => string>> = { bash: bashScript, zsh: zshScript, fish: fishScript }
