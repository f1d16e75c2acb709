/** Text to PostgreSQL's parse tree, by PostgreSQL's own parser. Places in the tree are brought back to places in the text. */
import type { Node as TreeNode, ParseResult as Parsed } from "libpg-query"
import type { ExpressionIssue } from "./Scope.ts"
import { scanTokens, tooDeep } from "./tokens.ts"

export type { Node as TreeNode } from "libpg-query"

export interface ParsedExpression {
  readonly tree: TreeNode
  readonly text: string
  /** Index in the text of a location in the tree. */
  readonly position: (location: number | undefined) => number
  /** Name of the runtime value at an index of the text. */
  readonly parameter: (position: number) => string | undefined
}

export type ParseResult =
  | { readonly ok: true; readonly parsed: ParsedExpression }
  | { readonly ok: false; readonly issues: ReadonlyArray<ExpressionIssue> }

/** Parse trees by the texts of their expressions. Goes through structured clone. */
export type Trees = ReadonlyMap<string, TreeNode>

let parser: { readonly parseSync: (text: string) => Parsed } | undefined
let known: Trees = new Map()

/** The trees of expressions, for another thread; those that are wrong are left out. */
export const treesOf = (texts: ReadonlyArray<string>): Trees =>
  new Map(
    texts.flatMap((text) => {
      const result = parseExpression(text)
      return result.ok ? [[text, result.parsed.tree] as const] : []
    }),
  )

/** For a thread that is given the trees: these texts need no parser, which takes 10 MB in each thread. */
export const useTrees = (trees: Trees): void => void (known = trees)

export const isParsed = (text: string): boolean => known.has(text)

/** Loads the parser, once per process. */
export const loadParser = async (): Promise<void> => {
  if (parser !== undefined) return
  const module = await import("libpg-query")
  await withoutTierUp(async () => {
    await module.loadModule()
    // Functions are compiled, with their budgets, when they first run.
    module.parseSync("SELECT (a + 1 = 'b' AND c IN (1, 2))")
  })
  parser = module
}

/**
 * The parser has one huge function, which V8's optimizing compiler would take after its first call: 600 MB and seconds of a
 * second core, to parse a few lines of text. While the module is made, its functions get a budget that such use does not spend.
 */
const withoutTierUp = async (load: () => Promise<void>): Promise<void> => {
  const { setFlagsFromString } = await import("node:v8")
  setFlagsFromString(`--wasm-tiering-budget=${2 ** 31 - 1}`)
  try {
    await load()
  } finally {
    setFlagsFromString(`--wasm-tiering-budget=${DEFAULT_TIERING_BUDGET}`)
  }
}

/** V8's own default, for whatever else is compiled in this process. */
const DEFAULT_TIERING_BUDGET = 13_000_000

const MAX_BYTES = 16 * 1024
const PREFIX = "SELECT ("

export const parseExpression = (text: string): ParseResult => {
  const early = refuseText(text)
  if (early !== undefined) return failed(early)
  const scanned = scanTokens(text)
  if (scanned.issue !== undefined) return failed(scanned.issue)
  try {
    const tree = known.get(text) ?? parse(scanned.text)
    if (tree === undefined) return failed({ code: "EXPRESSION_SYNTAX", message: "This is a statement, not an expression.", position: 0 })
    const positions = positionsByByte(text)
    const position = (location = PREFIX.length): number => positions(location - PREFIX.length)
    return { ok: true, parsed: { tree, text, position, parameter: (at) => scanned.parameters.get(at) } }
  } catch (error) {
    return failed(issueOf(error, text))
  }
}

const parse = (text: string): TreeNode | undefined => {
  if (parser === undefined) throw new Error("The expression parser is not loaded. Await loadExpressions() first.")
  return onlyTarget(parser.parseSync(`${PREFIX}${text}\n)`).stmts?.[0]?.stmt)
}

const failed = (issue: ExpressionIssue): ParseResult => ({ ok: false, issues: [issue] })

const refuseText = (text: string): ExpressionIssue | undefined => {
  if (text.trim() === "")
    return { code: "EXPRESSION_SYNTAX", message: "The expression is empty. Write a condition or a value.", position: 0 }
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_BYTES) {
    return {
      code: "EXPRESSION_LIMIT",
      message: `The expression has ${bytes} bytes, more than ${MAX_BYTES}. Split it over several steps.`,
      position: 0,
    }
  }
  const nul = text.indexOf("\0")
  if (nul >= 0) return { code: "EXPRESSION_SYNTAX", message: "The expression holds a NUL character. Remove it.", position: nul }
  if (!text.isWellFormed())
    return { code: "EXPRESSION_SYNTAX", message: "The expression holds half of a surrogate pair. Remove it.", position: 0 }
  return undefined
}

const onlyTarget = (statement: TreeNode | undefined): TreeNode | undefined => {
  if (statement === undefined || !("SelectStmt" in statement)) return undefined
  const targets = statement.SelectStmt.targetList ?? []
  const target = targets[0]
  if (targets.length !== 1 || target === undefined || !("ResTarget" in target)) return undefined
  return target.ResTarget.val
}

/** PostgreSQL counts bytes of UTF-8, JavaScript counts units of UTF-16. */
const positionsByByte = (text: string): ((byte: number) => number) => {
  // eslint-disable-next-line no-control-regex
  if (/^[\x00-\x7f]*$/.test(text)) return (byte) => clamp(byte, text)
  const starts: Array<number> = []
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!
    const width = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
    for (let byte = 0; byte < width; byte++) starts.push(i)
    if (width === 4) i++
  }
  return (byte) => starts[byte] ?? clamp(byte, text)
}

const clamp = (index: number, text: string): number => Math.max(0, Math.min(index, text.length))

const positionOfCharacter = (text: string, character: number): number => {
  let index = 0
  for (let seen = 0; seen < character && index < text.length; seen++) index += text.codePointAt(index)! > 0xffff ? 2 : 1
  return index
}

const issueOf = (error: unknown, text: string): ExpressionIssue => {
  // The parser is compiled to WebAssembly and recurses on JavaScript's stack.
  if (error instanceof RangeError) return tooDeep(0)
  const details = (error as { readonly sqlDetails?: { readonly message: string; readonly cursorPosition: number } }).sqlDetails
  if (details === undefined) throw error
  const position = positionOfCharacter(text, Math.max(0, details.cursorPosition - PREFIX.length))
  const atEnd = position >= text.trimEnd().length && details.message.startsWith("syntax error")
  const message = atEnd ? "The expression ends too early. Something is missing after it." : `${capital(withoutBracket(details.message))}.`
  return {
    code: details.message.includes("exhausted") ? "EXPRESSION_LIMIT" : "EXPRESSION_SYNTAX",
    message,
    position: Math.min(position, text.length),
  }
}

/** The bracket that we put around the text is none of the author's. */
const withoutBracket = (message: string): string => message.replace(/\n\)(?="?$)/, "")

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
