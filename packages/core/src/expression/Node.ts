/**
 * A checked expression as plain data: every node has its type, names and casts are resolved, constants are computed.
 *
 * It survives structured cloning, so that a worker thread compiles what the main thread has checked. Both back ends, closures and
 * generated code, read only this.
 */
import type { ColumnType } from "../model/ColumnType.ts"
import type { Whole } from "../model/Decimal.ts"

/** A value as structured cloning leaves it: decimals and intervals lose their class. `reviveLiteral` gives it back. */
export type Literal =
  | null
  | boolean
  | Whole
  | string
  | Uint8Array
  | { readonly coefficient: Whole; readonly scale: number }
  | { readonly months: number; readonly days: number; readonly micros: number }
  | ReadonlyArray<Literal>

interface Typed {
  readonly type: ColumnType
  /** False where the value is never null. */
  readonly nullable: boolean
}

export interface ConstantNode extends Typed {
  readonly kind: "constant"
  readonly value: Literal
}

export interface ColumnNode extends Typed {
  readonly kind: "column"
  /** Index among the scope's columns. */
  readonly index: number
}

/** A function of `runtime.ts`. Where it is strict, a null argument makes the result null and the function is not called. */
export interface CallNode extends Typed {
  readonly kind: "call"
  readonly name: string
  readonly strict: boolean
  /** Whether the function may give null for arguments of which none is. */
  readonly givesNull: boolean
  readonly args: ReadonlyArray<Node>
}

/**
 * Something that a function of `runtime.ts` makes ready for the call around it, once where its arguments are constant: a pattern, a format.
 */
export interface PrepareNode extends Typed {
  readonly kind: "prepare"
  readonly name: string
  readonly args: ReadonlyArray<Node>
}

export interface LogicNode extends Typed {
  readonly kind: "and" | "or"
  readonly args: ReadonlyArray<Node>
}

export interface NotNode extends Typed {
  readonly kind: "not"
  readonly arg: Node
}

/** `IS [NOT] NULL` */
export interface NullTestNode extends Typed {
  readonly kind: "nullTest"
  readonly arg: Node
  readonly negated: boolean
}

/** `IS [NOT] TRUE`, `FALSE` and `UNKNOWN` */
export interface TruthTestNode extends Typed {
  readonly kind: "truthTest"
  readonly arg: Node
  readonly value: boolean | null
  readonly negated: boolean
}

export type ComparisonOperator = "=" | "<>" | "<" | "<=" | ">" | ">="

/** Both sides have the type `operands`. */
export interface CompareNode extends Typed {
  readonly kind: "compare"
  readonly operator: ComparisonOperator
  readonly operands: ColumnType
  readonly left: Node
  readonly right: Node
}

/** `IS DISTINCT FROM`, or with `negated` `IS NOT DISTINCT FROM` */
export interface DistinctNode extends Typed {
  readonly kind: "distinct"
  readonly operands: ColumnType
  readonly left: Node
  readonly right: Node
  readonly negated: boolean
}

/** `arg IN (items)`; all of the type `operands`. */
export interface InNode extends Typed {
  readonly kind: "in"
  readonly operands: ColumnType
  readonly arg: Node
  readonly items: ReadonlyArray<Node>
  readonly negated: boolean
}

/** `left operator ANY (array)` or `ALL`; `operands` is the type of the left side and of the elements. */
export interface QuantifiedNode extends Typed {
  readonly kind: "quantified"
  readonly operator: ComparisonOperator
  readonly operands: ColumnType
  readonly left: Node
  readonly array: Node
  readonly all: boolean
}

export interface CaseBranch {
  readonly when: Node
  readonly value: Node
}

export interface CaseNode extends Typed {
  readonly kind: "case"
  readonly branches: ReadonlyArray<CaseBranch>
  readonly otherwise: Node
}

export interface CoalesceNode extends Typed {
  readonly kind: "coalesce"
  readonly args: ReadonlyArray<Node>
}

/** `GREATEST` and `LEAST`: nulls do not count. */
export interface ExtremeNode extends Typed {
  readonly kind: "greatest" | "least"
  readonly args: ReadonlyArray<Node>
}

export interface ArrayNode extends Typed {
  readonly kind: "array"
  readonly items: ReadonlyArray<Node>
}

/** Computes `value` once; `body` reads it through references with the same id. */
export interface LetNode extends Typed {
  readonly kind: "let"
  readonly id: number
  readonly value: Node
  readonly body: Node
}

export interface ReferenceNode extends Typed {
  readonly kind: "reference"
  readonly id: number
}

export type Node =
  | ConstantNode
  | ColumnNode
  | CallNode
  | PrepareNode
  | LogicNode
  | NotNode
  | NullTestNode
  | TruthTestNode
  | CompareNode
  | DistinctNode
  | InNode
  | QuantifiedNode
  | CaseNode
  | CoalesceNode
  | ExtremeNode
  | ArrayNode
  | LetNode
  | ReferenceNode

/** The nodes right below. */
export const childrenOf = (node: Node): ReadonlyArray<Node> => {
  switch (node.kind) {
    case "constant":
    case "column":
    case "reference":
      return []
    case "call":
    case "prepare":
    case "and":
    case "or":
    case "coalesce":
    case "greatest":
    case "least":
      return node.args
    case "not":
    case "nullTest":
    case "truthTest":
      return [node.arg]
    case "compare":
    case "distinct":
      return [node.left, node.right]
    case "in":
      return [node.arg, ...node.items]
    case "quantified":
      return [node.left, node.array]
    case "case":
      return [...node.branches.flatMap(({ when, value }) => [when, value]), node.otherwise]
    case "array":
      return node.items
    case "let":
      return [node.value, node.body]
  }
}
