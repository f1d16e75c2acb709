/**
 * Reads one YAML 1.2 document within limits: size, depth, number of tokens. A text that is made to be slow is refused before it is.
 *
 * Knows nothing of pipelines. What its nodes mean is in `yamlValue.ts`.
 */
import { Composer, type CST, type Document, Lexer, LineCounter, type ParsedNode, Parser, visit, type YAMLParseError } from "yaml"
import type { Problem } from "./problem.ts"
import { shieldReferences, unshield } from "./yamlReferences.ts"

export const LARGEST_TEXT = 1024 * 1024
export const DEEPEST_NESTING = 64
/** Far more than any pipeline has; a text of nothing but brackets has more. */
export const MOST_TOKENS = 100_000

export interface YamlDocument {
  /** Undefined where the text could not be read. */
  readonly root: ParsedNode | undefined
  readonly problems: ReadonlyArray<Problem>
  readonly lines: LineCounter
}

export const readYaml = (text: string): YamlDocument => {
  const lines = new LineCounter()
  const size = new TextEncoder().encode(text).length
  if (size > LARGEST_TEXT)
    return {
      root: undefined,
      lines,
      problems: [limit(`the text has ${size} bytes, and a definition may have ${LARGEST_TEXT} (1 MiB).`, [0, 1])],
    }
  const shielded = shieldReferences(text)
  const tokens = readTokens(shielded, lines)
  if ("code" in tokens) return { root: undefined, lines, problems: [tokens] }
  const composer = new Composer({
    version: "1.2",
    merge: false,
    uniqueKeys: false,
    resolveKnownTags: false,
    prettyErrors: false,
    logLevel: "silent",
  })
  const documents = [...composer.compose(tokens, true, text.length)]
  const [document, second] = documents
  const problems = documents.length > 0 ? documentProblems(document!, second) : []
  if (shielded !== text && document !== undefined) unshieldScalars(document)
  const isBroken = problems.some((problem) => problem.code === "YAML_SYNTAX")
  return { root: isBroken ? undefined : (document?.contents ?? undefined), lines, problems }
}

const unshieldScalars = (document: ParsedDocument): void =>
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === "string") node.value = unshield(node.value)
      if (typeof node.source === "string") node.source = unshield(node.source)
    },
  })

export const limit = (message: string, range: readonly [number, number]): Problem => ({ code: "YAML_LIMIT", message, path: [], range })

/** The tokens of the text, or the limit that it is over. */
const readTokens = (text: string, lines: LineCounter): ReadonlyArray<CST.Token> | Problem => {
  const parser = new Parser(lines.addNewLine)
  const tokens: Array<CST.Token> = []
  let count = 0
  lines.addNewLine(0)
  for (const lexeme of new Lexer().lex(text)) {
    const from = parser.offset
    tokens.push(...parser.next(lexeme))
    // The document itself is on the stack too, and a mapping in a list takes one level for each.
    if (parser.stack.length > DEEPEST_NESTING + 1)
      return limit(`the text is nested more than ${DEEPEST_NESTING} levels deep.`, [from, from + 1])
    if (++count > MOST_TOKENS) return limit(`the text has more than ${MOST_TOKENS} tokens.`, [from, from + 1])
  }
  tokens.push(...parser.end())
  return tokens
}

type ParsedDocument = Document.Parsed<ParsedNode, true>

const documentProblems = (document: ParsedDocument, second: ParsedDocument | undefined): ReadonlyArray<Problem> => {
  const { yaml } = document.directives
  const versions =
    yaml.explicit === true && yaml.version !== "1.2"
      ? [syntax(`this is YAML ${yaml.version}; a definition is YAML 1.2. Take the %YAML line out.`, [0, 5])]
      : []
  const more =
    second === undefined
      ? []
      : [syntax("a second document begins here. One file holds one definition.", [second.range[0], second.range[0] + 3])]
  return [...versions, ...firstOfEachMistake(document.errors).map((error) => syntaxProblem(error, document)), ...more]
}

const syntax = (message: string, range: readonly [number, number], hint?: string): Problem => ({
  code: "YAML_SYNTAX",
  message,
  path: [],
  range,
  ...(hint === undefined ? {} : { hint }),
})

const MOST_SYNTAX_ERRORS = 5

/** One mistake often makes the reader stumble over all that follows it closely. */
const firstOfEachMistake = (errors: ReadonlyArray<YAMLParseError>): ReadonlyArray<YAMLParseError> => {
  const kept: Array<YAMLParseError> = []
  for (const error of errors.toSorted((a, b) => a.pos[0] - b.pos[0])) {
    const before = kept.at(-1)
    if (before === undefined || error.pos[0] - before.pos[0] > NEAR) kept.push(error)
  }
  return kept.slice(0, MOST_SYNTAX_ERRORS)
}

const NEAR = 80

const syntaxProblem = (error: YAMLParseError, document: ParsedDocument): Problem => {
  const known = /without - indicator|start at the same column/i.test(error.message) ? unevenColumns : syntaxTexts[error.code]
  const [message, hint] = typeof known === "function" ? known(error.message) : (known ?? [lowerFirst(error.message)])
  return syntax(message, openQuote(error, document) ?? error.pos, hint)
}

/** A quote that is not closed is shown where it opens, not where the file ends. */
const openQuote = (error: YAMLParseError, document: ParsedDocument): readonly [number, number] | undefined => {
  if (error.code !== "MISSING_CHAR" || !/quote/i.test(error.message)) return undefined
  let opening: number | undefined
  visit(document, {
    Scalar: (_, { range }) => {
      if (range && range[0] <= error.pos[0] && error.pos[0] <= range[2]) opening = range[0]
    },
  })
  return opening === undefined ? undefined : [opening, opening + 1]
}

type Explained = readonly [message: string, hint?: string | undefined]

const unevenColumns: Explained = [
  "this line does not begin in the column of its neighbours.",
  "Keys of one mapping begin in one column, and so do the items of a list.",
]

const QUOTE_IT = 'Put the whole text into quotes: key: "text: with a colon".'

const syntaxTexts: Partial<Record<string, Explained | ((message: string) => Explained)>> = {
  TAB_AS_INDENT: ["a tab stands where spaces indent the line.", "YAML is indented with spaces. Replace the tab by two spaces."],
  BLOCK_AS_IMPLICIT_KEY: [
    "a colon makes a second key here.",
    `${QUOTE_IT} Where a new key was meant, check that it is indented like the keys before it.`,
  ],
  MULTILINE_IMPLICIT_KEY: [
    "a key stands on one line, and this one goes on to the next.",
    "Check the indentation, and whether a colon is missing.",
  ],
  BAD_SCALAR_START: (message) => [
    `text cannot begin with ${/character (.)/.exec(message)?.[1] ?? "this character"} unless it is in quotes.`,
    'Write key: "@text".',
  ],
  BAD_INDENT: (message) =>
    /\[|\{|\]|\}/.test(message)
      ? [closing(message)]
      : ["this line is indented otherwise than its neighbours.", "Keys of one mapping begin in one column."],
  MISSING_CHAR: (message) => [missingCharacter(message)],
  UNEXPECTED_TOKEN: (message) => unexpectedToken(message),
  BAD_DQ_ESCAPE: (message) => [
    `${lowerFirst(message)}.`,
    "In double quotes a backslash is written twice; in single quotes it is an ordinary character.",
  ],
  BAD_ALIAS: (message) => [`${lowerFirst(message)}.`, "A text that begins with * or & must be in quotes."],
  KEY_OVER_1024_CHARS: ["a key may have 1024 characters at most."],
}

const closing = (message: string): string =>
  `this ${/sequence/i.test(message) ? "list" : "mapping"} is not closed with ${/sequence/i.test(message) ? "]" : "}"}.`

const missingCharacter = (message: string): string => {
  if (/quote/i.test(message)) return `this text begins with a ${/"/.test(message) ? "double" : "single"} quote that is not closed.`
  if (/map values/i.test(message)) return "this line has no colon: a key is followed by a colon and its value."
  return `${lowerFirst(message)}.`
}

const unexpectedToken = (message: string): Explained => {
  if (/scalar at node end/i.test(message))
    return [
      "text goes on behind the end of the value.",
      "Where the value begins with a quote, put the whole text into other quotes; check the indentation otherwise.",
    ]
  if (/flow-(map|seq)-end/i.test(message)) return ["a bracket is closed that was not opened."]
  return [`${lowerFirst(message)}.`, "Check indentation, brackets and quotes before this place."]
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + unshield(text.slice(1))
