/**
 * PostgreSQL's expression language: text is parsed by PostgreSQL's own parser, checked against the columns at hand, and compiled to a
 * closure or to JavaScript source. Both give the same values and the same errors.
 *
 * `checkExpression` gives every issue at once; nothing here throws for a wrong expression. `loadExpressions` must have resolved
 * before.
 */
export { ExpressionError, type ExpressionErrorCode } from "./ExpressionError.ts"
export type { CheckedExpression, CheckResult, ExpressionIssue, Scope } from "./Scope.ts"
export type { CsvTextField, Emitter, JsonTextField, TextField } from "./Emitter.ts"
export type { Literal, Node } from "./Node.ts"
export { checkExpression } from "./Check.ts"
export { type Closure, compileClosure, compileCondition, type Condition } from "./Closure.ts"
export { emitCondition, emitExpression } from "./Emit.ts"
export { reviveLiteral } from "./literals.ts"
export { checkMetric } from "./Metric.ts"
export { accumulatorOf, takesGroup } from "./aggregates/aggregateLibrary.ts"
export type { Accumulator, AggregateCall, CheckedMetric, MetricResult, Saved, SortKey } from "./aggregates/Aggregate.ts"
export { compileAggregate, type FeedAggregate } from "./aggregates/compileAggregate.ts"
export { loadExpressionParser } from "./load.ts"
export { treesOf } from "./Parse.ts"
