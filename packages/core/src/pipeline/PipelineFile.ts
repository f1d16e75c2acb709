/**
 * Pipeline files: YAML 1.2 or JSON text to a definition, with file, line, column and a frame in every message.
 *
 * At most 1 MiB, 64 levels and 100 aliases; no tags, no merge keys, no duplicate keys. What is wrong in the text and what is wrong in the
 * definition comes at once, unless the text cannot be read at all.
 */
import { isScalar, type LineCounter, type Node } from "yaml"
import { DefinitionError, type Issue } from "../contract/Errors.ts"
import type { Files } from "../contract/Files.ts"
import { codeFrame, splitLines } from "./codeFrame.ts"
import { decodeDefinition, type DecodeOptions, type DecodeResult } from "./decodeDefinition.ts"
import type { DecodedPipeline } from "./DecodedPipeline.ts"
import { placeInScalar } from "./placeInScalar.ts"
import { type Origin, type Place, type Problem, toIssues } from "./problem.ts"
import { LARGEST_TEXT, limit, readYaml } from "./yamlDocument.ts"
import { findNode, rangeOf, toValue } from "./yamlValue.ts"
import { messageOf } from "../model/messageOf.ts"

/** A text as data. */
export interface PipelineText extends Origin {
  readonly text: string
  readonly file: string | undefined
  /** Undefined where there is none: the text is empty, or cannot be read. */
  readonly value: unknown
  readonly problems: ReadonlyArray<Problem>
  /** Whether the text cannot be read, so that a look at the value says nothing. */
  readonly isBroken: boolean
}

/** `file` is for messages, and says by its ending whether the text is JSON. For `exact` see `toValue`. */
export const parsePipelineText = (written: string, file?: string, exact = false): PipelineText => {
  const text = written.replace(/^\uFEFF/, "")
  const isJson = file?.toLowerCase().endsWith(".json") ?? isJsonObject(text)
  // JSON may be indented with tabs, which YAML forbids. They are one character each, so every place stays where it is.
  const { root, lines, problems: found } = readYaml(isJson ? text.replaceAll("\t", " ") : text)
  const { value, problems, targets, isOver } = toValue(root, text, lines, exact)
  const unreadable = isJson ? jsonProblems(text, found) : found
  const placeIn = placing(text, lines, file)
  return {
    text,
    file,
    value,
    problems: [...unreadable, ...problems],
    isBroken: isOver || unreadable.length > 0,
    place: (problem) => placeIn(problem.range ?? problemRange(root, problem, targets, text)),
    hint: (problem) => quoteHint(root, problem, targets),
  }
}

/** A request brings text without a name: what reads as JSON is JSON. */
const isJsonObject = (text: string): boolean => {
  if (!/^\s*\{/.test(text) || text.length > LARGEST_TEXT) return false
  try {
    return typeof JSON.parse(text) === "object"
  } catch {
    return false // A mapping in YAML's short form, or a mistake that the YAML reader tells better.
  }
}

/** What JSON forbids and YAML allows is wrong in a `.json` file. */
const jsonProblems = (text: string, found: ReadonlyArray<Problem>): ReadonlyArray<Problem> => {
  if (found.some((problem) => problem.code === "YAML_LIMIT") || text.trim() === "") return found
  try {
    JSON.parse(text)
    return found
  } catch (cause) {
    const message = messageOf(cause)
    const at = Number(/position (\d+)/.exec(message)?.[1] ?? text.length)
    return [
      {
        code: "JSON_SYNTAX",
        message: `this is no valid JSON: ${message.split(/ in JSON| at position|, "/)[0]}.`,
        path: [],
        range: [at, at + 1],
      },
    ]
  }
}

const problemRange = (
  root: Node | undefined,
  problem: Problem,
  targets: ReadonlyMap<Node, Node>,
  text: string,
): readonly [number, number] => {
  const { key, value, depth } = findNode(root, problem.path, targets)
  const isWhole = depth === problem.path.length
  // A key that is missing is shown at its owner's key; one without a value, at itself.
  if (key !== undefined && (problem.at === "key" || !isWhole || value === undefined || isEmptyScalar(value))) return rangeOf(key)
  if (value === undefined) return [0, 1]
  return isWhole ? valueRange(value, problem, text) : startOf(value)
}

const isEmptyScalar = (node: Node): boolean => isScalar(node) && node.value === null

const valueRange = (node: Node, { part, position }: Problem, text: string): readonly [number, number] => {
  if (!isScalar(node)) return startOf(node)
  const [from, to] = rangeOf(node)
  const written = text.slice(from, to)
  const place = position === undefined ? undefined : placeInScalar(written, String(node.value), position)
  if (place !== undefined) return [from + place, from + place + /^\w*/.exec(written.slice(place))![0].length]
  const at = part === undefined ? -1 : text.slice(from, to).indexOf(part)
  return at < 0 ? [from, to] : [from + at, from + at + endOfPart(text.slice(from + at, to), part!)]
}

const endOfPart = (text: string, part: string): number => {
  const close = text.indexOf("}")
  return close < 0 ? part.length : close + 1
}

/** The first key of a mapping, the first character of anything else. */
const startOf = (node: Node): readonly [number, number] => {
  const first = "items" in node && Array.isArray(node.items) ? (node.items[0] as { readonly key?: Node } | undefined) : undefined
  const [from] = rangeOf(node)
  return first?.key?.range?.[0] === from ? rangeOf(first.key) : [from, from + 1]
}

/** Line, column and frame of a range. The text is cut into lines once, when the first place is asked for. */
const placing = (text: string, counter: LineCounter, file: string | undefined) => {
  let cut: ReadonlyArray<string> | undefined
  return ([from, to]: readonly [number, number]): Place => {
    cut ??= splitLines(text)
    const { line: foundLine, col } = counter.linePos(Math.min(from, text.length))
    const line = Math.max(1, foundLine)
    const column = Math.max(1, col)
    return { ...(file === undefined ? {} : { file }), line, column, frame: codeFrame(cut, line, column, Math.max(1, to - from)) }
  }
}

/** `version: 1.0` is a number in YAML. */
const quoteHint = (root: Node | undefined, problem: Problem, targets: ReadonlyMap<Node, Node>): string | undefined => {
  if (problem.code !== "INVALID_VALUE" || !/^expected (text|an SQL|a name|the name)/.test(problem.message)) return undefined
  const { value, depth } = findNode(root, problem.path, targets)
  if (depth !== problem.path.length || !isScalar(value) || typeof value.value === "string" || value.value === null) return undefined
  return `Put it into quotes to make it text: "${value.source ?? String(value.value)}".`
}

/** Everything that is wrong in the text, before anybody has looked at the definition. */
export const textIssues = (text: PipelineText, mask: (text: string) => string = (shown) => shown): ReadonlyArray<Issue> =>
  toIssues(text.problems, text, mask)

export type TextOptions = Omit<DecodeOptions, "text"> & {
  /** Name of the file, for messages. One that ends in `.json` must be JSON. */
  readonly file?: string
}

/** From text to a pipeline that can run, or to all issues. */
export const loadPipelineText = async (text: string, options: TextOptions): Promise<DecodeResult> => {
  const parsed = parsePipelineText(text, options.file)
  if (parsed.isBroken) return { ok: false, issues: textIssues(parsed, (shown) => options.secrets?.mask(shown) ?? shown) }
  return await decodeDefinition(parsed.value, { ...options, text: parsed })
}

/** The same from a file. `file` is the name in messages; default the path. */
export const loadPipelineFile = async (
  path: string,
  files: Pick<Files, "stat" | "openRead">,
  options: TextOptions,
): Promise<DecodeResult> => {
  const file = options.file ?? path
  const read = await readText(path, files, file)
  return typeof read === "string" ? await loadPipelineText(read, { ...options, file }) : { ok: false, issues: [read] }
}

/** The same; throws `DefinitionError`. */
export const loadPipelineFileOrThrow = async (
  path: string,
  files: Pick<Files, "stat" | "openRead">,
  options: TextOptions,
): Promise<DecodedPipeline> => {
  const result = await loadPipelineFile(path, files, options)
  if (result.ok) return result.pipeline
  throw new DefinitionError(result.issues)
}

/** The text of a definition's file, or why it cannot be read. Looks at the size before it reads. */
export const readText = async (path: string, files: Pick<Files, "stat" | "openRead">, file = path): Promise<string | Issue> => {
  const issue = (code: Issue["code"], message: string): Issue => ({ code, message, path: "", file })
  try {
    const stat = await files.stat(path)
    if (stat === undefined) return issue("FILE_NOT_FOUND", "there is no such file. Check the path.")
    if (stat.kind !== "file")
      return issue("FILE_NOT_FOUND", `this is ${stat.kind === "directory" ? "a folder" : "no ordinary file"}. Name a file.`)
    if (stat.size > LARGEST_TEXT)
      return {
        ...issue(
          "YAML_LIMIT",
          limit(`the file has ${stat.size} bytes, and a definition may have ${LARGEST_TEXT} (1 MiB).`, [0, 1]).message,
        ),
      }
    return (
      decodeText(await readBytes(path, files, stat.size)) ?? issue("WRONG_ENCODING", "the file is not text in UTF-8. Save it as UTF-8.")
    )
  } catch (cause) {
    return issue("FILE_NOT_FOUND", `the file cannot be read: ${messageOf(cause)}.`)
  }
}

const readBytes = async (path: string, files: Pick<Files, "openRead">, size: number): Promise<Uint8Array> => {
  const handle = await files.openRead(path)
  try {
    const buffer = new Uint8Array(size)
    let filled = 0
    while (filled < size) {
      const count = await handle.read(buffer.subarray(filled), filled)
      if (count === 0) break
      filled += count
    }
    return buffer.subarray(0, filled)
  } finally {
    await handle.close()
  }
}

const decodeText = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return undefined // The caller says what is wrong and what to do.
  }
}
