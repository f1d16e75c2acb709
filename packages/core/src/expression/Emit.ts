/**
 * Checked expressions as JavaScript source. It gives the same values and errors as the closures of `Closure.ts`.
 *
 * The source is made of the checked tree alone. Constants are kept outside and named, so that nothing of the author's text gets into code.
 */
import type { Value } from "../model/Value.ts"
import { comparerName, comparerOf, hasPlainEquality, hasPlainOrder, holds, inSet } from "./comparison.ts"
import type { Emitter } from "./Emitter.ts"
import { reviveLiteral } from "./literals.ts"
import { childrenOf, type CallNode, type CaseNode, type CompareNode, type ComparisonOperator, type DistinctNode } from "./Node.ts"
import type { ExtremeNode, InNode, Node, PrepareNode, QuantifiedNode } from "./Node.ts"
import { mayFail, mayStopAtNull } from "./safety.ts"
import { callOnBytes, numberTest, textComparison, textTest } from "./peephole.ts"
import { prepared } from "./prepared.ts"
import { microsOfSpan } from "./functions/dates.ts"
import { Interval } from "../model/Interval.ts"
import type { CheckedExpression } from "./Scope.ts"

/** Source that gives the value or null in the current row. */
export const emitExpression = (expression: CheckedExpression, emitter: Emitter): string => new Generator(emitter).value(expression.node)

/** Source that is truthy where the condition is true. It stops at the first part that is false or null, as WHERE does. */
export const emitCondition = (expression: CheckedExpression, emitter: Emitter): string => new Generator(emitter).condition(expression.node)

const SIGNS: Readonly<Record<ComparisonOperator, string>> = { "=": "===", "<>": "!==", "<": "<", "<=": "<=", ">": ">", ">=": ">=" }

const INVERSE: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  "=": "<>",
  "<>": "=",
  "<": ">=",
  "<=": ">",
  ">": "<=",
  ">=": "<",
}

/** A part that was computed: source that reads it again, and source that says that it is not null (undefined: it never is). */
interface Part {
  readonly first: string
  readonly again: string
  readonly present: string | undefined
}

/** Source of a value from the sources of its parts. */
type Result = (...parts: ReadonlyArray<string>) => string

class Generator {
  private readonly emitter: Emitter
  private readonly references = new Map<number, string>()
  /** Columns that `flattened` has read already, and whether they are known to be there. */
  private flat: { readonly columns: ReadonlyMap<number, string>; readonly present: boolean } | undefined

  constructor(emitter: Emitter) {
    this.emitter = emitter
  }

  value(node: Node): string {
    switch (node.kind) {
      case "constant":
        return this.constant(reviveLiteral(node.value, node.type))
      case "column":
        return this.flat?.columns.get(node.index) ?? this.emitter.column(node.index)
      case "call":
        return this.call(node)
      case "prepare":
        return this.prepare(node)
      case "and":
        return this.logic(node.args, "false", "true")
      case "or":
        return this.logic(node.args, "true", "false")
      case "not":
        return this.not(node.arg)
      case "nullTest":
        return this.nullTest(node.arg, node.negated)
      case "truthTest":
        return `(${this.value(node.arg)} ${node.negated ? "!==" : "==="} ${String(node.value)})`
      case "compare":
        return this.compare(node)
      case "distinct":
        return this.distinct(node)
      case "in":
        return this.in(node)
      case "quantified":
        return this.quantified(node)
      case "case":
        return this.case(node)
      case "coalesce":
        return this.coalesce(node.args)
      case "greatest":
      case "least":
        return this.extreme(node)
      case "array":
        return `[${node.items.map((item) => this.value(item)).join(", ")}]`
      case "let":
        return this.let(node.id, node.value, () => this.value(node.body))
      case "reference":
        return this.references.get(node.id)!
    }
  }

  /** Source that is truthy where the node is true; the parts of an AND stop at the first that is not. */
  condition(node: Node): string {
    return node.kind === "and" ? `(${node.args.map((arg) => this.condition(arg)).join(" && ")})` : this.test(node, true)
  }

  /** Source that is truthy where the node is `wanted`, which is true or false. */
  test(node: Node, wanted: boolean): string {
    switch (node.kind) {
      case "not":
        return this.test(node.arg, !wanted)
      case "and":
      case "or":
        if (!mayStopAtNull(node.args)) return `(${this.value(node)} === ${wanted})`
        return `(${node.args.map((arg) => this.test(arg, wanted)).join((node.kind === "and") === wanted ? " && " : " || ")})`
      case "nullTest":
        return this.nullTest(node.arg, node.negated === wanted)
      case "compare":
        return this.compareTest(node, wanted)
      case "in":
        return this.inTest(node, wanted)
      case "let":
        return this.let(node.id, node.value, () => this.test(node.body, wanted))
      case "column":
      case "reference":
        return `(${this.value(node)} === ${wanted})`
      default:
        return canBeNull(node) || !wanted ? `(${this.value(node)} === ${wanted})` : this.value(node)
    }
  }

  private constant(value: Value | null): string {
    if (value === null || typeof value === "boolean") return String(value)
    if (typeof value === "number" && Number.isFinite(value) && !Object.is(value, -0)) return value < 0 ? `(${value})` : String(value)
    return this.emitter.constant(value)
  }

  /** Computes a node into a variable, unless reading it again costs nothing. */
  private part(node: Node): Part {
    if (node.kind === "constant" || node.kind === "reference" || (node.kind === "column" && this.flat !== undefined)) {
      const source = this.value(node)
      return { first: source, again: source, present: this.canBeNull(node) ? `${source} !== null` : undefined }
    }
    const name = this.emitter.local()
    return { first: `${name} = ${this.value(node)}`, again: name, present: this.canBeNull(node) ? `${name} !== null` : undefined }
  }

  private canBeNull(node: Node): boolean {
    return this.flat?.present === true ? false : canBeNull(node)
  }

  /** Computes all parts first, then `result` of them, or `absent` where one of them is null. */
  private withParts(nodes: ReadonlyArray<Node>, absent: string, result: Result): string {
    const columns = this.flat === undefined ? flatColumns(nodes, this.emitter) : undefined
    if (columns !== undefined) return this.flattened(columns, nodes, absent, result)
    return this.nested(nodes, absent, result)
  }

  /**
   * Reads all columns first: where none is null, which is nearly always, no part in between can be, and numbers stay unboxed. Else the
   * parts are computed one by one, as one of them may be an error.
   */
  private flattened(columns: ReadonlyArray<number>, nodes: ReadonlyArray<Node>, absent: string, result: Result): string {
    const read = new Map(columns.map((index) => [index, this.emitter.local()]))
    const computed = Array.from(read, ([index, name]) => `${name} = ${this.emitter.column(index)}`)
    const present = Array.from(read.values(), (name) => `${name} !== null`).join(" && ")
    this.flat = { columns: read, present: true }
    const value = result(...nodes.map((node) => this.value(node)))
    this.flat = { columns: read, present: false }
    const otherwise = nodes.some(mayFail) ? this.nested(nodes, absent, result) : absent
    this.flat = undefined
    const chosen = otherwise === "false" ? `${present} && ${value}` : `${present} ? ${value} : ${otherwise}`
    return `(${[...computed, chosen].join(", ")})`
  }

  private nested(nodes: ReadonlyArray<Node>, absent: string, result: Result): string {
    const parts = nodes.map((node) => this.part(node))
    const value = result(...parts.map(({ again }) => again))
    const computed = parts.filter(({ first, again }) => first !== again).map(({ first }) => first)
    const present = parts.flatMap(({ present: test }) => test ?? [])
    const guarded =
      present.length === 0
        ? value
        : absent === "false"
          ? `${present.join(" && ")} && ${value}`
          : `${present.join(" && ")} ? ${value} : ${absent}`
    return `(${[...computed, guarded].join(", ")})`
  }

  private call(node: CallNode): string {
    return callOnBytes(node, () => this.plainCall(node), this.emitter) ?? this.plainCall(node)
  }

  private plainCall({ name, strict, args }: CallNode): string {
    if (name === "same") return this.value(args[0]!)
    const moved = name === "addInterval" ? this.moved(args[0]!, args[1]!) : undefined
    if (moved !== undefined) return moved
    const apply = this.emitter.runtime(name)
    if (!strict) return `${apply}(${args.map((arg) => this.value(arg)).join(", ")})`
    if (!args.some((arg) => this.canBeNull(arg))) return `${apply}(${args.map((arg) => this.value(arg)).join(", ")})`
    return this.withParts(args, "null", (...values) => `${apply}(${values.join(", ")})`)
  }

  /** A moment and a constant span whose parts need not be looked at in each row. */
  private moved(stamp: Node, span: Node): string | undefined {
    const value = span.kind === "constant" ? reviveLiteral(span.value, "interval") : null
    const micros = value instanceof Interval ? microsOfSpan(value) : undefined
    if (micros === undefined) return undefined
    const add = this.emitter.runtime("addMicros")
    const constant = this.emitter.constant(value)
    return this.withParts([stamp], "null", (moment) => `${add}(${moment}, ${micros}, ${constant})`)
  }

  private prepare(node: PrepareNode): string {
    const ready = prepared(node)
    if (ready !== undefined) return ready.value === null ? "null" : this.emitter.constant(ready.value)
    return this.withParts(node.args, "null", (...values) => `${this.emitter.runtime(node.name)}(${values.join(", ")})`)
  }

  /** AND with `decides` false, OR with `decides` true. */
  private logic(args: ReadonlyArray<Node>, decides: string, otherwise: string): string {
    if (!args.some(canBeNull)) return `(${args.map((arg) => this.value(arg)).join(decides === "false" ? " && " : " || ")})`
    const tests = args.map((arg) => {
      const [inner, result] = arg.kind === "not" ? [arg.arg, decides === "false" ? "true" : "false"] : [arg, decides]
      if (!this.canBeNull(inner)) return { decided: `${this.value(inner)} === ${result} ? ${decides} : `, isNull: undefined }
      const { first, again } = this.part(inner)
      return { decided: `(${first}) === ${result} ? ${decides} : `, isNull: `${again} === null` }
    })
    const nulls = tests.flatMap(({ isNull }) => isNull ?? [])
    return `(${tests.map(({ decided }) => decided).join("")}${nulls.join(" || ")} ? null : ${otherwise})`
  }

  private not(arg: Node): string {
    return canBeNull(arg) ? this.withParts([arg], "null", (value) => `!${value}`) : `!${this.value(arg)}`
  }

  private nullTest(arg: Node, negated: boolean): string {
    if (arg.kind === "column" && this.emitter.isNull !== undefined) return `${negated ? "!" : ""}${this.emitter.isNull(arg.index)}`
    return `(${this.value(arg)} ${negated ? "!==" : "==="} null)`
  }

  private compare(node: CompareNode): string {
    const onBytes = textComparison(node, this.emitter)
    if (onBytes !== undefined) return `(${onBytes.holds} ? true : ${onBytes.fails} ? false : null)`
    const slow = this.plainCompare(node)
    return numberTest(node, node.operator, slow, this.emitter) ?? slow
  }

  private plainCompare({ operator, operands, left, right }: CompareNode): string {
    return this.withParts([left, right], "null", (a, b) => this.comparison(operator, operands, a, b))
  }

  private compareTest(node: CompareNode, wanted: boolean): string {
    const onBytes = textComparison(node, this.emitter)
    if (onBytes !== undefined) return wanted ? onBytes.holds : onBytes.fails
    const { operator, operands, left, right } = node
    const sign = wanted ? operator : INVERSE[operator]
    const slow = this.withParts([left, right], "false", (a, b) => this.comparison(sign, operands, a, b))
    return numberTest(node, sign, slow, this.emitter) ?? slow
  }

  private inTest(node: InNode, wanted: boolean): string {
    const { operands, arg, items, negated } = node
    const texts = items.flatMap((item) => (item.kind === "constant" && typeof item.value === "string" ? [item.value] : []))
    const isText = operands === "string" && arg.kind === "column"
    const onBytes = isText ? textTest(arg.index, texts, this.emitter) : undefined
    if (onBytes === undefined) return `(${this.in(node)} === ${wanted})`
    if (wanted !== negated) return onBytes.holds
    // With a null in the list nothing is known not to be in it.
    return texts.length < items.length ? "false" : onBytes.fails
  }

  private comparison(operator: ComparisonOperator, type: CompareNode["operands"], a: string, b: string): string {
    const isEquality = operator === "=" || operator === "<>"
    if (isEquality ? hasPlainEquality(type) : hasPlainOrder(type)) return `${a} ${SIGNS[operator]} ${b}`
    const name = comparerName[type]
    const compare = name === undefined ? this.emitter.constant(comparerOf(type)) : this.emitter.runtime(name)
    return `${compare}(${a}, ${b}) ${SIGNS[operator]} 0`
  }

  private distinct({ operands, left, right, negated }: DistinctNode): string {
    const [a, b] = [this.part(left), this.part(right)]
    const computed = [a, b].filter(({ first, again }) => first !== again).map(({ first }) => first)
    const [same, equal]: readonly [string, ComparisonOperator] = negated ? ["===", "="] : ["!==", "<>"]
    const present = `${a.again} === null || ${b.again} === null ? ${a.again} ${same} ${b.again}`
    return `(${[...computed, `${present} : ${this.comparison(equal, operands, a.again, b.again)}`].join(", ")})`
  }

  private in({ operands, arg, items, negated }: InNode): string {
    const values = items.map((item) => (item.kind === "constant" ? reviveLiteral(item.value, operands) : null))
    const hasNull = values.includes(null)
    return this.withParts([arg], "null", (value) => {
      const contains = hasPlainEquality(operands)
        ? `${this.emitter.constant(new Set(values.filter((item) => item !== null)))}.has(${value})`
        : `${this.emitter.constant(inSet(operands, values))}(${value})`
      return hasNull ? `(${contains} ? ${!negated} : null)` : `${negated ? "!" : ""}${contains}`
    })
  }

  private quantified({ operator, operands, left, array, all }: QuantifiedNode): string {
    const test = this.emitter.constant(holds(operator, operands))
    return `${this.emitter.runtime("quantify")}(${test}, ${all}, ${this.value(left)}, ${this.value(array)})`
  }

  private case({ branches, otherwise }: CaseNode): string {
    const parts = branches.map(({ when, value }) => `${this.test(when, true)} ? ${this.value(value)} : `)
    return `(${parts.join("")}${this.value(otherwise)})`
  }

  private coalesce(args: ReadonlyArray<Node>): string {
    const name = this.emitter.local()
    const first = args.slice(0, -1).map((arg) => `(${name} = ${this.value(arg)}) !== null ? ${name} : `)
    return `(${first.join("")}${this.value(args.at(-1)!)})`
  }

  private extreme({ kind, type, args }: ExtremeNode): string {
    const compare = this.emitter.constant(comparerOf(type))
    const choose = this.emitter.runtime("pick")
    const sign = kind === "greatest" ? "1" : "-1"
    return args.map((arg) => this.value(arg)).reduce((best, arg) => `${choose}(${compare}, ${sign}, ${best}, ${arg})`)
  }

  private let(id: number, value: Node, body: () => string): string {
    const name = this.emitter.local()
    this.references.set(id, name)
    return `(${name} = ${this.value(value)}, ${body()})`
  }
}

const NEVER_NULL: ReadonlySet<Node["kind"]> = new Set<Node["kind"]>(["nullTest", "truthTest", "distinct", "array"])

/**
 * Whether the node may be null in a row. A column always may, whatever its source has promised: a promise that is broken must not become a
 * wrong value.
 */
const canBeNull = (node: Node): boolean => {
  if (node.kind === "constant") return node.value === null
  if (NEVER_NULL.has(node.kind)) return false
  return node.nullable || node.kind === "column" || node.kind === "reference" || childrenOf(node).some(canBeNull)
}

/**
 * The columns that the nodes read where they are nothing but strict calls over columns and constants, with a call inside of another.
 * Undefined where they are not, or where a column is text, whose bytes some calls look at instead.
 */
const flatColumns = (nodes: ReadonlyArray<Node>, emitter: Emitter): ReadonlyArray<number> | undefined => {
  if (!nodes.some((node) => node.kind === "call")) return undefined
  const columns = new Set<number>()
  const isFlat = (node: Node): boolean => {
    if (node.kind === "column") columns.add(node.index)
    if (node.kind === "call") return node.strict && !node.givesNull && node.args.every(isFlat)
    return node.kind === "column" || (node.kind === "constant" && node.value !== null) || isReady(node)
  }
  if (!nodes.every(isFlat) || columns.size === 0) return undefined
  const isText = Array.from(columns).some((index) => emitter.textField?.(index) !== undefined)
  return isText ? undefined : Array.from(columns)
}

/** A pattern or format that was made ready when the expression was compiled, and is there. */
const isReady = (node: Node): boolean => node.kind === "prepare" && (prepared(node)?.value ?? null) !== null
