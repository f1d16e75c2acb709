/** Checked expressions as closures: one function per node. It gives the same values and errors as the generated code of `Emit.ts`. */
import type { Column } from "../model/Batch.ts"
import type { Value } from "../model/Value.ts"
import { comparerOf, holds, inSet, pick, quantify } from "./comparison.ts"
import { reviveLiteral } from "./literals.ts"
import type { CallNode, CaseNode, CompareNode, DistinctNode, ExtremeNode, InNode, Node, PrepareNode, QuantifiedNode } from "./Node.ts"
import { prepared } from "./prepared.ts"
import { mayStopAtNull } from "./safety.ts"
import { type RuntimeFunction, runtimeFunction } from "./runtime.ts"
import type { CheckedExpression } from "./Scope.ts"

/** Gives the value in one row of the scope's columns. Throws `ExpressionError` where there is none. */
export type Closure = (columns: ReadonlyArray<Column>, row: number) => Value | null

/** Says whether a condition is true in a row. It stops at the first part that is false or null, as WHERE does. */
export type Condition = (columns: ReadonlyArray<Column>, row: number) => boolean

export const compileClosure = (expression: CheckedExpression): Closure => compileNode(expression.node)

export const compileCondition = (expression: CheckedExpression): Condition => new Compiler().condition(expression.node)

export const compileNode = (node: Node): Closure => new Compiler().value(node)

/** Compiles one expression; `slots` holds the values of its `let` nodes while a row runs. */
class Compiler {
  private readonly slots: Array<Value | null> = []

  value(node: Node): Closure {
    switch (node.kind) {
      case "constant":
        return always(reviveLiteral(node.value, node.type))
      case "column":
        return (
          (index: number): Closure =>
          (columns, row) =>
            columns[index]!.value(row)
        )(node.index)
      case "call":
        return this.call(node)
      case "prepare":
        return this.prepare(node)
      case "and":
        return this.and(node.args.map((arg) => this.value(arg)))
      case "or":
        return this.or(node.args.map((arg) => this.value(arg)))
      case "not":
        return not(this.value(node.arg))
      case "nullTest":
        return this.nullTest(node.arg, node.negated)
      case "truthTest":
        return truthTest(this.value(node.arg), node.value, node.negated)
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
        return coalesce(node.args.map((arg) => this.value(arg)))
      case "greatest":
      case "least":
        return this.extreme(node)
      case "array":
        return array(node.items.map((item) => this.value(item)))
      case "let":
        return this.let(node.id, this.value(node.value), this.value(node.body))
      case "reference":
        return (
          (id: number): Closure =>
          () =>
            this.slots[id]!
        )(node.id)
    }
  }

  /** Whether the node is true; the parts of an AND stop at the first that is not. */
  condition(node: Node): Condition {
    return node.kind === "and" ? every(node.args.map((arg) => this.condition(arg))) : this.test(node, true)
  }

  /** Whether the node is `wanted`, which is true or false. */
  test(node: Node, wanted: boolean): Condition {
    if (node.kind === "not") return this.test(node.arg, !wanted)
    if ((node.kind === "and" || node.kind === "or") && mayStopAtNull(node.args)) {
      const tests = node.args.map((arg) => this.test(arg, wanted))
      return (node.kind === "and") === wanted ? every(tests) : some(tests)
    }
    if (node.kind === "let") return this.letTest(node.id, this.value(node.value), this.test(node.body, wanted))
    const value = this.value(node)
    return (columns, row) => value(columns, row) === wanted
  }

  private let(id: number, value: Closure, body: Closure): Closure {
    return (columns, row) => {
      this.slots[id] = value(columns, row)
      return body(columns, row)
    }
  }

  private letTest(id: number, value: Closure, body: Condition): Condition {
    return (columns, row) => {
      this.slots[id] = value(columns, row)
      return body(columns, row)
    }
  }

  private call({ name, strict, args }: CallNode): Closure {
    const apply = runtimeFunction(name)
    const closures = args.map((arg) => this.value(arg))
    return strict ? strictCall(apply, closures) : (columns, row) => apply(...closures.map((arg) => arg(columns, row))) as Value | null
  }

  private prepare(node: PrepareNode): Closure {
    const ready = prepared(node)
    if (ready !== undefined) return always(ready.value as Value)
    return strictCall(
      runtimeFunction(node.name),
      node.args.map((arg) => this.value(arg)),
    )
  }

  private and(args: ReadonlyArray<Closure>): Closure {
    return (columns, row) => {
      let result: boolean | null = true
      for (const arg of args) {
        const value = arg(columns, row)
        if (value === false) return false
        if (value === null) result = null
      }
      return result
    }
  }

  private or(args: ReadonlyArray<Closure>): Closure {
    return (columns, row) => {
      let result: boolean | null = false
      for (const arg of args) {
        const value = arg(columns, row)
        if (value === true) return true
        if (value === null) result = null
      }
      return result
    }
  }

  /** A column says whether it is null without decoding its value. */
  private nullTest(arg: Node, negated: boolean): Closure {
    if (arg.kind === "column")
      return (
        (index: number): Closure =>
        (columns, row) =>
          columns[index]!.isNull(row) !== negated
      )(arg.index)
    const value = this.value(arg)
    return (columns, row) => (value(columns, row) === null) !== negated
  }

  private compare({ operator, operands, left, right }: CompareNode): Closure {
    const test = holds(operator, operands)
    const [a, b] = [this.value(left), this.value(right)]
    return (columns, row) => {
      const x = a(columns, row)
      const y = b(columns, row)
      return x === null || y === null ? null : test(x, y)
    }
  }

  private distinct({ operands, left, right, negated }: DistinctNode): Closure {
    const equal = holds("=", operands)
    const [a, b] = [this.value(left), this.value(right)]
    return (columns, row) => {
      const x = a(columns, row)
      const y = b(columns, row)
      return (x === null || y === null ? x === y : equal(x, y)) === negated
    }
  }

  private in({ operands, arg, items, negated }: InNode): Closure {
    const values = items.map((item) => (item.kind === "constant" ? reviveLiteral(item.value, operands) : null))
    const contains = inSet(operands, values)
    const hasNull = values.includes(null)
    const value = this.value(arg)
    return (columns, row) => {
      const x = value(columns, row)
      if (x === null) return null
      if (contains(x)) return !negated
      return hasNull ? null : negated
    }
  }

  private quantified({ operator, operands, left, array: items, all }: QuantifiedNode): Closure {
    const test = holds(operator, operands)
    const [a, b] = [this.value(left), this.value(items)]
    return (columns, row) => quantify(test, all, a(columns, row), b(columns, row))
  }

  private case({ branches, otherwise }: CaseNode): Closure {
    const tests = branches.map(({ when }) => this.test(when, true))
    const values = branches.map(({ value }) => this.value(value))
    const last = this.value(otherwise)
    return (columns, row) => {
      for (let i = 0; i < tests.length; i++) if (tests[i]!(columns, row)) return values[i]!(columns, row)
      return last(columns, row)
    }
  }

  private extreme({ kind, type, args }: ExtremeNode): Closure {
    const compare = comparerOf(type)
    const closures = args.map((arg) => this.value(arg))
    const sign = kind === "greatest" ? 1 : -1
    return (columns, row) => {
      let result: Value | null = null
      for (const arg of closures) result = pick(compare, sign, result, arg(columns, row))
      return result
    }
  }
}

const always =
  (value: Value | null): Closure =>
  () =>
    value

const every =
  (tests: ReadonlyArray<Condition>): Condition =>
  (columns, row) => {
    for (const test of tests) if (!test(columns, row)) return false
    return true
  }

const some =
  (tests: ReadonlyArray<Condition>): Condition =>
  (columns, row) => {
    for (const test of tests) if (test(columns, row)) return true
    return false
  }

const not =
  (arg: Closure): Closure =>
  (columns, row) => {
    const value = arg(columns, row)
    return value === null ? null : value === false
  }

const truthTest =
  (arg: Closure, wanted: boolean | null, negated: boolean): Closure =>
  (columns, row) =>
    (arg(columns, row) === wanted) !== negated

const coalesce =
  (args: ReadonlyArray<Closure>): Closure =>
  (columns, row) => {
    for (const arg of args) {
      const value = arg(columns, row)
      if (value !== null) return value
    }
    return null
  }

const array =
  (items: ReadonlyArray<Closure>): Closure =>
  (columns, row) =>
    items.map((item) => item(columns, row))

/** All arguments are computed before any of them is found to be null: an error in one of them counts all the same. */
const strictCall = (apply: RuntimeFunction, args: ReadonlyArray<Closure>): Closure => {
  const [first, second] = args
  if (args.length === 1) return unary(apply, first!)
  if (args.length === 2) return binary(apply, first!, second!)
  return (columns, row) => {
    const values = args.map((arg) => arg(columns, row))
    return values.includes(null) ? null : (apply(...values) as Value | null)
  }
}

const unary =
  (apply: RuntimeFunction, arg: Closure): Closure =>
  (columns, row) => {
    const value = arg(columns, row)
    return value === null ? null : (apply(value) as Value | null)
  }

const binary =
  (apply: RuntimeFunction, left: Closure, right: Closure): Closure =>
  (columns, row) => {
    const a = left(columns, row)
    const b = right(columns, row)
    return a === null || b === null ? null : (apply(a, b) as Value | null)
  }
