/** Pairs of rows that a join's condition has still to be asked about: kept as bytes, and computed many at a time. */
import { TransformError } from "../../contract/Errors.ts"
import { checkExpression, type CheckedExpression, compileCondition, type Condition, ExpressionError } from "../../expression/Expression.ts"
import { Batch } from "../../model/Batch.ts"
import type { BatchSchema } from "../../model/ColumnType.ts"
import { formatValue, quoteValue, ValueError } from "../../model/Value.ts"
import { batchValueError, pathOf, placeOf, sentence } from "../failure.ts"
import { PerSchema } from "../stage.ts"
import type { JoinStep, StepsSpec } from "../Step.ts"
import { BatchBuilder } from "./batchBuilder.ts"
import { ByteWriter } from "./byteWriter.ts"
import { type Piece, Span } from "./entries.ts"
import { addedColumns, type JoinedColumn, pairSchema, rightColumn } from "./joinLayout.ts"
import type { JoinSides } from "./joinOutput.ts"

/** A left row that waits to hear whether it has found a match. */
export const ALONE = -1

/** Bytes of pairs that are computed at once. */
const MOST_BYTES = 1024 * 1024
const MOST_PAIRS = 4096

export class OpenPairs {
  private readonly spec: StepsSpec
  private readonly index: number
  private readonly step: JoinStep
  private readonly sides: JoinSides
  private readonly most: number
  private readonly lefts = new ByteWriter()
  private readonly rights = new ByteWriter()
  private readonly leftEnds: Array<number> = []
  private readonly rightEnds: Array<number> = []
  /** Numbers of the left rows, as the caller counts them. */
  private readonly ats: Array<number> = []
  /** Numbers of the other source's rows in the table at hand, or `ALONE`. */
  private readonly others: Array<number> = []
  private readonly conditions: PerSchema<Condition>

  constructor(spec: StepsSpec, index: number, step: JoinStep, sides: JoinSides, memory: number) {
    this.spec = spec
    this.index = index
    this.step = step
    this.sides = sides
    this.most = Math.min(MOST_BYTES, memory / 8)
    this.conditions = new PerSchema((schema) => compileCondition(this.checked(schema)))
  }

  get count(): number {
    return this.ats.length
  }

  /** Whether the pairs should be asked about now. */
  get isFull(): boolean {
    return this.count >= MOST_PAIRS || this.lefts.length + this.rights.length > this.most
  }

  add(left: Piece, right: Piece, at: number, other: number): void {
    this.lefts.copy(left.bytes, left.start, left.end)
    this.rights.copy(right.bytes, right.start, right.end)
    this.leftEnds.push(this.lefts.length)
    this.rightEnds.push(this.rights.length)
    this.ats.push(at)
    this.others.push(other)
  }

  /** Computes the condition of all pairs, calls `take` for each in order, and forgets them. */
  *settle<A>(take: (pair: OpenPair) => Iterable<A>): Generator<A, void, undefined> {
    const batch = this.batch()
    const condition = this.conditions.get(batch.schema)
    const pair = new OpenPair()
    for (let i = 0; i < this.count; i++) {
      pair.at = this.ats[i]!
      pair.other = this.others[i]!
      this.pieces(i, pair.left, pair.right)
      pair.isTrue = pair.other !== ALONE && this.holds(condition, batch, i)
      yield* take(pair)
    }
    this.lefts.length = 0
    this.rights.length = 0
    for (const list of [this.leftEnds, this.rightEnds, this.ats, this.others]) list.length = 0
  }

  private pieces(pair: number, left: Span, right: Span): void {
    left.set(this.lefts.bytes, this.leftEnds[pair - 1] ?? 0, this.leftEnds[pair]!)
    right.set(this.rights.bytes, this.rightEnds[pair - 1] ?? 0, this.rightEnds[pair]!)
  }

  /** The pairs side by side, under the names that they have behind the join. */
  private batch(): Batch {
    const builders = [new BatchBuilder(this.sides.left), new BatchBuilder(this.sides.right)] as const
    const own = new Span()
    const other = new Span()
    for (let i = 0; i < this.count; i++) {
      this.pieces(i, own, other)
      builders[0].add(own.bytes, own.start, own.end)
      builders[1].add(other.bytes, other.start, other.end)
    }
    const left = builders[0].build()
    const right = builders[1].build()
    const added = addedColumns(this.step, left.schema, right.schema)
    return new Batch({
      schema: pairSchema(left.schema, right.schema, added),
      columns: [...left.columns, ...added.map((column: JoinedColumn) => right.columns[rightColumn(right.schema, column)]!)],
      rowCount: left.rowCount,
      byteSize: 0,
    })
  }

  private checked(schema: BatchSchema): CheckedExpression {
    const result = checkExpression(this.step.condition!, { ...this.spec, columns: schema.columns }, "boolean")
    if (result.ok) return result.expression
    const [issue] = result.issues
    throw new TransformError({
      code: issue!.code,
      message: `${placeOf(this.spec, this.index)}: ${sentence(issue!.message)}`,
      path: pathOf(this.step, this.index),
    })
  }

  private holds(condition: Condition, batch: Batch, row: number): boolean {
    try {
      return condition(batch.columns, row)
    } catch (error) {
      const place = placeOf(this.spec, this.index)
      const path = pathOf(this.step, this.index)
      if (error instanceof ValueError) throw batchValueError(place, row + 1, batch, row, error, path)
      if (!(error instanceof ExpressionError)) throw error
      const values = batch.schema.columns
        .slice(0, MOST_VALUES)
        .map(({ name, type }, i) => `${name} = ${shown(batch.columns[i]!.value(row), type)}`)
      const message = `${place}: ${sentence(error.message)} The pair has ${values.join(", ")}. Guard the condition against such pairs.`
      throw new TransformError({ code: error.code, message, path, cause: error })
    }
  }
}

const MOST_VALUES = 6

const shown = (value: Parameters<typeof formatValue>[0] | null, type: Parameters<typeof formatValue>[1]): string =>
  value === null ? "null" : typeof value === "string" ? quoteValue(value) : formatValue(value, type)

/** A pair with the answer. The same object each time. */
export class OpenPair {
  at = 0
  other = ALONE
  isTrue = false
  readonly left = new Span()
  readonly right = new Span()
}
