/** From YAML nodes to plain values, with what a definition may not contain, and back from a path in the value to its place in the text. */
import { isAlias, isMap, isScalar, isSeq, type LineCounter, type Node, type Pair, type Scalar, type YAMLMap, type YAMLSeq } from "yaml"
import { Decimal, whole } from "../model/Decimal.ts"
import { isMapping, type Path } from "./path.ts"
import type { Problem } from "./problem.ts"
import { limit } from "./yamlDocument.ts"

export const MOST_ALIASES = 100
const MOST_VALUES = 100_000
const MERGE = Symbol("<<")

export interface YamlValue {
  readonly value: unknown
  readonly problems: ReadonlyArray<Problem>
  /** What aliases stand for. */
  readonly targets: ReadonlyMap<Node, Node>
  /** Whether a limit cut the value short. */
  readonly isOver: boolean
}

type Range = readonly [number, number]

/**
 * Throws nothing: what cannot be read is a problem, and null in the value. With `exact`, a number that JavaScript would change is a bigint
 * or a `Decimal`; else it is a number, or the digits of an integer as text.
 */
export const toValue = (root: Node | undefined, text: string, lines: LineCounter, exact = false): YamlValue => {
  const reader = new ValueReader(text, lines, exact)
  const value = root === undefined ? undefined : reader.read(root, [])
  return { value, problems: reader.problems, targets: reader.targets, isOver: reader.isOver }
}

class ValueReader {
  readonly problems: Array<Problem> = []
  readonly targets = new Map<Node, Node>()
  private readonly anchors = new Map<string, Node>()
  private readonly open = new Set<Node>()
  private readonly text: string
  private readonly lines: LineCounter
  private readonly exact: boolean
  private aliases = 0
  private values = 0
  isOver = false

  constructor(text: string, lines: LineCounter, exact: boolean) {
    this.text = text
    this.lines = lines
    this.exact = exact
  }

  read(node: Node, path: Path): unknown {
    if (this.isOver) return null
    if (++this.values > MOST_VALUES) return this.stop(`the definition has more than ${MOST_VALUES} values.`, rangeOf(node), path)
    if (isAlias(node)) return this.readAlias(node, node.source, path)
    this.checkTag(node, path)
    if ("anchor" in node && typeof node.anchor === "string") this.anchors.set(node.anchor, node)
    if (isMap(node)) return this.readInside(node, () => this.readMap(node, path))
    if (isSeq(node)) return this.readInside(node, () => this.readList(node, path))
    return isScalar(node) ? (this.exact ? exactValue(node) : scalarValue(node)) : null
  }

  private readInside<A>(node: Node, read: () => A): A {
    this.open.add(node)
    const value = read()
    this.open.delete(node)
    return value
  }

  private readList(node: YAMLSeq, path: Path): ReadonlyArray<unknown> {
    return node.items.map((item, i) => (item === null ? null : this.read(item as Node, [...path, i])))
  }

  private readMap(node: YAMLMap, path: Path): unknown {
    const entries: Array<[string, unknown]> = []
    const firstOf = new Map<string, Node>()
    for (const pair of node.items) {
      const key = this.readKey(pair, path)
      if (key === MERGE) entries.unshift(...this.merged(pair, path))
      if (key === undefined || key === MERGE) continue
      const keyNode = pair.key as Node
      const first = firstOf.get(key)
      if (first === undefined) firstOf.set(key, keyNode)
      else this.problems.push(this.duplicate(key, first, keyNode, path))
      entries.push([key, pair.value === null ? null : this.read(pair.value as Node, [...path, key])])
    }
    // fromEntries makes own keys of all names, `__proto__` too.
    return Object.fromEntries(entries)
  }

  /** A merge key is an error; what it would have brought in is looked at all the same, so that nothing else seems to be missing. */
  private merged({ value }: Pair, path: Path): ReadonlyArray<[string, unknown]> {
    const inner = value === null ? undefined : this.read(value as Node, path)
    return isMapping(inner) ? Object.entries(inner) : []
  }

  private readKey({ key }: Pair, path: Path): string | typeof MERGE | undefined {
    if (isScalar(key) && key.value !== null && key.value !== undefined) {
      this.checkTag(key, path)
      const isMerge = key.value === "<<" && key.type === "PLAIN"
      if (!isMerge) return typeof key.value === "string" ? key.value : (key.source ?? String(key.value))
      this.problems.push({
        ...limit("merge keys (<<) are not part of a definition.", rangeOf(key)),
        path,
        hint: "Write the keys out, or put them into `defaults`.",
      })
      return MERGE
    }
    const range = key === null ? ([0, 1] as const) : rangeOf(key as Node)
    this.problems.push({ code: "YAML_SYNTAX", message: "a key must be text.", path, range })
    return undefined
  }

  private duplicate(key: string, first: Node, second: Node, path: Path): Problem {
    const { line } = this.lines.linePos(rangeOf(first)[0])
    return {
      code: "DUPLICATE_KEY",
      message: `the key \`${key}\` stands twice, first in line ${line}. Leave one.`,
      path: [...path, key],
      range: rangeOf(second),
    }
  }

  private checkTag(node: Node, path: Path): void {
    const tag = "tag" in node ? node.tag : undefined
    if (typeof tag !== "string") return
    const shown = tag.replace("tag:yaml.org,2002:", "!!")
    const at = this.text.lastIndexOf(shown, rangeOf(node)[0])
    const range: Range = at < 0 ? rangeOf(node) : [at, at + shown.length]
    this.problems.push({ ...limit(`the tag \`${shown}\` is not part of a definition. Leave it out.`, range), path })
  }

  private readAlias(node: Node, name: string, path: Path): unknown {
    const range = rangeOf(node)
    const target = this.anchors.get(name)
    if (++this.aliases > MOST_ALIASES) return this.stop(`the aliases of this text stand for more than ${MOST_ALIASES} values.`, range, path)
    if (target === undefined)
      return this.refuse(`no anchor &${name} stands before this alias.`, range, path, "A text that begins with * must be in quotes.")
    if (this.open.has(target)) return this.refuse(`*${name} stands inside of &${name}, so it would hold itself.`, range, path)
    this.targets.set(node, target)
    return this.read(target, path)
  }

  private refuse(message: string, range: Range, path: Path, hint?: string): null {
    this.problems.push({ code: "YAML_SYNTAX", message, path, range, ...(hint === undefined ? {} : { hint }) })
    return null
  }

  private stop(message: string, range: Range, path: Path): null {
    this.isOver = true
    this.problems.push({ ...limit(message, range), path })
    return null
  }
}

// An integer that a number cannot hold stays text, digit for digit.
const scalarValue = ({ value, source }: Scalar): unknown => {
  const isRounded = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && source !== String(value)
  return isRounded && /^[-+]?\d+$/.test(source ?? "") ? source : (value ?? null)
}

// Digits count: 1.50 is a decimal of scale 2, and a number of 30 digits keeps them.
const exactValue = ({ value, source = "" }: Scalar): unknown => {
  if (typeof value !== "number" || source === String(value) || Object.is(value, -0)) return value ?? null
  if (/^[-+]?\d+$/.test(source)) return whole(BigInt(source.replace("+", "")))
  return /^[-+]?\d*\.?\d+$/.test(source) ? (Decimal.parse(source) ?? value) : value
}

export const rangeOf = (node: Node): Range => {
  const range = node.range
  return range === null || range === undefined ? [0, 1] : [range[0], Math.max(range[1], range[0])]
}

/** What stands at a path: its key and its value, as far as they are there, and how much of the path was found. */
export interface Found {
  readonly key: Node | undefined
  readonly value: Node | undefined
  readonly depth: number
}

export const findNode = (root: Node | undefined, path: Path, targets: ReadonlyMap<Node, Node>): Found => {
  let found: Found = { key: undefined, value: root, depth: 0 }
  for (const part of path) {
    const owner = found.value === undefined ? undefined : (targets.get(found.value) ?? found.value)
    const next = stepInto(owner, part)
    if (next === undefined) break
    found = { ...next, depth: found.depth + 1 }
  }
  return found
}

const stepInto = (owner: Node | undefined, part: string | number): Omit<Found, "depth"> | undefined => {
  if (isSeq(owner) && typeof part === "number" && part < owner.items.length)
    return { key: undefined, value: (owner.items[part] ?? undefined) as Node | undefined }
  if (!isMap(owner)) return undefined
  const pair = owner.items.find(({ key }) => isScalar(key) && (key.value === part || key.source === String(part)))
  return pair === undefined ? undefined : { key: pair.key as Node, value: (pair.value ?? undefined) as Node | undefined }
}
