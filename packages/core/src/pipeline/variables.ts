/**
 * `${VAR}`, `${VAR:-default}` and `$${` in the texts of a definition.
 *
 * A variable's value comes from the run's own variables, then the process's environment, then `.env.<environment>`, then `.env`: the host
 * gives them as layers. Every value that comes from there is a secret. What was written stays in the definition; the engine works with a
 * filled-in copy.
 */
import { didYouMean } from "../model/nearestName.ts"
import { isMapping, type Path } from "./path.ts"
import type { Problem } from "./problem.ts"
import type { Secrets } from "./Secrets.ts"

export type VariableValue = string | number | boolean

/** Where values come from, the strongest first. Undefined values are as if they were not there. */
export type VariableLayers = ReadonlyArray<Readonly<Record<string, VariableValue | undefined>>>

/** Names that the run fills in. They stay in texts until then. */
export const runtimeNames = ["pipeline_name", "run_id", "environment"] as const

export type RuntimeName = (typeof runtimeNames)[number]

export type RuntimeTexts = Readonly<Partial<Record<RuntimeName, string>>>

export interface Filled {
  readonly value: unknown
  readonly problems: ReadonlyArray<Problem>
  /** Names of the variables that are used, in order of appearance. */
  readonly used: ReadonlyArray<string>
  /** Paths of texts that are one variable and nothing else: they may stand for a number or a truth value. */
  readonly whole: ReadonlySet<string>
}

/** Fills in the variables of every text in a definition. Keys stay as they are. */
export const fillVariables = (value: unknown, layers: VariableLayers, secrets: Secrets): Filled => {
  const filling = new Filling(layers, secrets)
  const filled = filling.fill(value, [])
  return { value: filled, problems: filling.problems, used: [...filling.used], whole: filling.whole }
}

export const pathKey = (path: Path): string => JSON.stringify(path)

class Filling {
  readonly problems: Array<Problem> = []
  readonly used = new Set<string>()
  readonly whole = new Set<string>()
  private readonly layers: VariableLayers
  private readonly secrets: Secrets

  constructor(layers: VariableLayers, secrets: Secrets) {
    this.layers = layers
    this.secrets = secrets
  }

  fill(value: unknown, path: Path): unknown {
    if (typeof value === "string") return this.fillText(value, path)
    if (Array.isArray(value)) return value.map((item, i) => this.fill(item, [...path, i]))
    if (!isMapping(value)) return value
    // fromEntries makes own keys of all names, `__proto__` too.
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.fill(inner, [...path, key])]))
  }

  private fillText(text: string, path: Path): string {
    if (!text.includes("${")) return text
    const parts = parseText(text)
    if (typeof parts === "string") {
      this.problems.push({ code: "INVALID_VALUE", message: parts, path, part: "${" })
      return text
    }
    const only = parts.length === 1 ? parts[0] : undefined
    if (typeof only === "object" && !isRuntimeName(only.name)) this.whole.add(pathKey(path))
    return parts.map((part) => this.fillPart(part, path)).join("")
  }

  private fillPart(part: Part, path: Path): string {
    if (typeof part === "string") return part
    if (isRuntimeName(part.name)) return `\${${part.name}}`
    this.used.add(part.name)
    const value = this.lookup(part.name)
    if (value !== undefined && (value !== "" || part.fallback === undefined)) {
      this.secrets.add(value)
      return keepForRun(value)
    }
    if (part.fallback !== undefined) return part.fallback.map((inner) => this.fillPart(inner, path)).join("")
    this.problems.push(this.missing(part.name, path))
    return ""
  }

  private lookup(name: string): string | undefined {
    const layer = this.layers.find((values) => Object.hasOwn(values, name) && values[name] !== undefined)
    return layer === undefined ? undefined : String(layer[name])
  }

  private missing(name: string, path: Path): Problem {
    return {
      code: "MISSING_VARIABLE",
      message: `the variable \`${name}\` has no value.${didYouMean(name, [...this.names(), ...runtimeNames])}`,
      path,
      part: `\${${name}`,
      hint: `Set ${name} in the environment, in a .env file or for the run, or write \${${name}:-default}.`,
    }
  }

  private names(): ReadonlyArray<string> {
    return this.layers.flatMap((values) => Object.keys(values))
  }
}

interface Reference {
  readonly name: string
  readonly fallback: ReadonlyArray<Part> | undefined
}

type Part = string | Reference

const isRuntimeName = (name: string): name is RuntimeName => (runtimeNames as ReadonlyArray<string>).includes(name)

/** The parts of a text, or what is wrong with it. */
const parseText = (text: string): ReadonlyArray<Part> | string => {
  const parser = new TextParser(text)
  const parts = parser.parts(0)
  return parser.problem ?? parts
}

class TextParser {
  problem: string | undefined
  private at = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** Up to the end, or up to the brace that closes a default. */
  parts(depth: number): ReadonlyArray<Part> {
    const parts: Array<Part> = []
    let literal = ""
    while (this.at < this.text.length && this.problem === undefined && !(depth > 0 && this.text[this.at] === "}")) {
      const escape = this.escape()
      const reference = escape === "" && this.text.startsWith("${", this.at) ? this.reference(depth) : undefined
      if (reference !== undefined && literal !== "") parts.push(literal)
      if (reference !== undefined) parts.push(reference)
      literal = reference === undefined ? literal + (escape === "" ? this.text[this.at++]! : escape) : ""
    }
    return literal === "" && parts.length > 0 ? parts : [...parts, literal]
  }

  /** `$${` stands for `${`. Before a name of the run it stays, for the run to take away. */
  private escape(): string {
    if (!this.text.startsWith("$${", this.at)) return ""
    const rest = this.text.slice(this.at + 1)
    this.at += 3
    return isRuntimeName(/^\$\{(\w+)\}/.exec(rest)?.[1] ?? "") ? "$${" : "${"
  }

  private reference(depth: number): Reference | undefined {
    if (depth > DEEPEST_DEFAULT)
      return this.fail(`variables stand in the defaults of others ${depth} levels deep. Use ${DEEPEST_DEFAULT} at most.`)
    const head = /^\$\{([A-Za-z_][A-Za-z0-9_]*)(:-|\})/.exec(this.text.slice(this.at, this.at + LONGEST_NAME))
    if (head === null) return this.fail(this.complaint())
    this.at += head[0].length
    if (head[2] === "}") return { name: head[1]!, fallback: undefined }
    const fallback = this.parts(depth + 1)
    if (this.text[this.at] !== "}") return this.fail(`\`\${${head[1]}:-\` is not closed. Write \${${head[1]}:-default}.`)
    this.at++
    return { name: head[1]!, fallback }
  }

  private complaint(): string {
    const found = this.text.slice(this.at, this.at + 30).split("}")[0]!
    return this.text.indexOf("}", this.at) < 0
      ? `\`${found}\` is not closed. Write \${NAME}, or $\${ for the characters themselves.`
      : `\`${found}}\` is no variable: a name has letters, digits and _. Write $\${ for the characters themselves.`
  }

  private fail(problem: string): undefined {
    this.problem ??= problem
    this.at = this.text.length
    return undefined
  }
}

const LONGEST_NAME = 260
const DEEPEST_DEFAULT = 8

const RUNTIME_REFERENCE = new RegExp(String.raw`\$(\$?)\{(${runtimeNames.join("|")})\}`, "g")

// A value that happens to hold `${run_id}` is no reference.
const keepForRun = (value: string): string => value.replaceAll(RUNTIME_REFERENCE, (reference) => `$${reference}`)

/**
 * Fills `${pipeline_name}`, `${run_id}` and `${environment}` into every text of a config. Anything but texts, lists and mappings stays as
 * it is.
 */
export const fillRuntime = <A>(value: A, texts: RuntimeTexts): A => fillRuntimeAny(value, texts) as A

const fillRuntimeAny = (value: unknown, texts: RuntimeTexts): unknown => {
  if (typeof value === "string") return value.includes("{") ? fillRuntimeText(value, texts) : value
  if (Array.isArray(value)) return value.map((item) => fillRuntimeAny(item, texts))
  if (!isMapping(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fillRuntimeAny(inner, texts)]))
}

const fillRuntimeText = (text: string, texts: RuntimeTexts): string =>
  text.replaceAll(RUNTIME_REFERENCE, (reference, escape: string, name: RuntimeName) =>
    escape === "$" ? reference.slice(1) : (texts[name] ?? reference),
  )
