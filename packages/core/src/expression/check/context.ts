/** What the parts of the checker share. */
import type { ErrorCode } from "../../contract/errorCodes.ts"
import type { ColumnSchema, ColumnType } from "../../model/ColumnType.ts"
import type { Node } from "../Node.ts"
import type { ParsedExpression, TreeNode } from "../Parse.ts"
import type { ExpressionIssue, Scope } from "../Scope.ts"

/** A quoted literal or NULL whose place has not yet given it a type. */
export interface UntypedNode {
  readonly kind: "untyped"
  readonly type: "unknown"
  readonly text: string | null
  readonly position: number
}

export type Operand = Node | UntypedNode

/** What a metric makes of aggregates. */
export interface AggregateScope {
  /** The columns of the rows that are grouped. */
  readonly columns: ReadonlyArray<ColumnSchema>
  /** Of the aggregates that there are. */
  readonly names: ReadonlyArray<string>
  readonly check: (part: FuncCall, name: string) => Operand | undefined
}

export type FuncCall = Extract<TreeNode, { FuncCall: unknown }>["FuncCall"]

export class Context {
  readonly scope: Scope
  readonly parsed: ParsedExpression
  readonly issues: Array<ExpressionIssue> = []
  /** Checks a part of the tree; undefined where something is wrong with it, which then is among the issues. */
  readonly check: (tree: TreeNode | undefined) => Operand | undefined
  /** Where aggregates may stand: in the metrics of an aggregate step. */
  aggregates: AggregateScope | undefined = undefined
  depth = 0
  private ids = 0

  constructor(scope: Scope, parsed: ParsedExpression, check: (context: Context, tree: TreeNode | undefined) => Operand | undefined) {
    this.scope = scope
    this.parsed = parsed
    this.check = (tree) => check(this, tree)
  }

  position(location: number | undefined): number {
    return this.parsed.position(location)
  }

  newId(): number {
    return this.ids++
  }

  /** Notes an issue and gives undefined, so that it can be returned. */
  issue(code: ErrorCode, position: number, message: string, hint?: string): undefined {
    this.issues.push({ code, message, position, ...(hint === undefined ? {} : { hint }) })
    return undefined
  }

  unsupported(location: number | undefined, what: string, hint?: string): undefined {
    return this.issue("UNSUPPORTED_EXPRESSION", this.position(location), `${what} is not part of the expression language.`, hint)
  }

  /** All parts, checked; undefined where one of them is wrong. Every part is looked at, so that all issues come at once. */
  checkAll(trees: ReadonlyArray<TreeNode | undefined>): ReadonlyArray<Operand> | undefined {
    const operands = trees.map((tree) => this.check(tree))
    return operands.every((operand) => operand !== undefined) ? operands : undefined
  }
}

/** How a message names the type of an operand. */
export const showType = (operand: { readonly type: ColumnType | "unknown" }): string => (operand.type === "unknown" ? "text" : operand.type)
