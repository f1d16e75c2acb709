import type { ErrorCode } from "../contract/errorCodes.ts"
import type { ColumnSchema, ColumnType } from "../model/ColumnType.ts"
import type { Node } from "./Node.ts"

/** What an expression may name. */
export interface Scope {
  readonly columns: ReadonlyArray<ColumnSchema>
  /** Values of `:run_id` and the like. Text takes the type that its place asks for, as a literal does. */
  readonly runtime: Readonly<Record<string, unknown>>
  /** What `NOW()` gives, in milliseconds since 1970-01-01. */
  readonly now: number
}

/** An expression whose names and types are known to be right. Plain data: it may be sent to a worker thread. */
export interface CheckedExpression {
  readonly text: string
  readonly type: ColumnType
  readonly nullable: boolean
  /** The scope's columns that it reads, ascending. */
  readonly columns: ReadonlyArray<number>
  readonly node: Node
}

export interface ExpressionIssue {
  readonly code: ErrorCode
  readonly message: string
  /** Index in the text, in JavaScript's string units. */
  readonly position: number
  readonly hint?: string
}

export type CheckResult =
  | { readonly ok: true; readonly expression: CheckedExpression }
  | { readonly ok: false; readonly issues: ReadonlyArray<ExpressionIssue> }
