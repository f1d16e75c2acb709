/** Takes the rows of batches with their keys, and deals with rows whose key cannot be read. */
import { TransformError } from "../../contract/Errors.ts"
import type { Batch } from "../../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnType } from "../../model/ColumnType.ts"
import { ValueError } from "../../model/Value.ts"
import { batchValueError, describeSchema, pathOf, placeOf, sentence } from "../failure.ts"
import type { StepScope } from "../scope.ts"
import type { BlockingStep, KeyPart, OnRowError, StepIssue, StepsSpec } from "../Step.ts"
import { PerSchema } from "../stage.ts"
import { ByteWriter } from "./byteWriter.ts"
import type { KeyBlock } from "./keyBlock.ts"
import { isOrdered, keyWriter, type PutKey } from "./orderedBytes.ts"
import { LayoutError, RowForm } from "./rowForm.ts"

export interface KeyedRowsOptions {
  readonly spec: StepsSpec
  readonly index: number
  /** Columns that are wanted as bytes; each list is one key. */
  readonly keys: ReadonlyArray<ReadonlyArray<KeyPart>>
  readonly planned: BatchSchema | undefined
  /** Says what is wrong with columns that were not known when the pipeline was checked. */
  readonly check: (schema: BatchSchema) => StepIssue | undefined
}

/** How the rows of one batch are written. */
export interface Writers {
  readonly keys: ReadonlyArray<ReadonlyArray<PutKey>>
  readonly row: PutKey
}

export class KeyedRows {
  readonly form: RowForm
  readonly row = new ByteWriter()
  readonly keys: ReadonlyArray<ByteWriter>
  private readonly options: KeyedRowsOptions
  private readonly checked: PerSchema<true>

  constructor(options: KeyedRowsOptions) {
    this.options = options
    this.form = new RowForm(options.planned)
    this.keys = options.keys.map(() => new ByteWriter())
    this.checked = new PerSchema((schema) => this.checkSchema(schema))
  }

  /** Types of the columns of each key. */
  keyTypes(schema: BatchSchema): ReadonlyArray<ReadonlyArray<ColumnType>> {
    return this.options.keys.map((parts) => parts.map(({ column }) => schema.columns[columnIndex(schema, column)]!.type))
  }

  private get place(): string {
    return placeOf(this.options.spec, this.options.index)
  }

  private checkSchema(schema: BatchSchema): true {
    const { spec, index, keys, check } = this.options
    const issue = check(schema)
    if (issue !== undefined) throw unexpectedSchema(spec, index, issue, schema)
    const before = this.form.schema
    const changed = keys.flat().find(({ column }) => {
      const known = before?.columns[columnIndex(before, column)]
      return known !== undefined && known.type !== schema.columns[columnIndex(schema, column)]!.type
    })
    if (changed === undefined) return true
    const [from, to] = [before!, schema].map((one) => one.columns[columnIndex(one, changed.column)]!.type)
    throw this.schemaChanged(`the column ${changed.column} was ${from} and is now ${to}`)
  }

  private schemaChanged(what: string): TransformError {
    const { spec, index } = this.options
    return new TransformError({
      code: "SCHEMA_CHANGED",
      message: `${this.place}: ${sentence(what)} Declare the column's type in the source or in the custom step before.`,
      path: pathOf(spec.steps[index]!, index),
    })
  }

  /** How to write the rows of one batch. */
  writers(batch: Batch): Writers {
    this.checked.get(batch.schema)
    return { keys: this.keyWriters(batch), row: this.rowWriter(batch) }
  }

  /** The keys alone, of columns that the caller has checked. */
  keyWriters(batch: Batch): Writers["keys"] {
    return this.options.keys.map((parts) => parts.map((part) => keyWriter(batch.columns[columnIndex(batch.schema, part.column)]!, part)))
  }

  /** The rows alone. */
  rowWriter(batch: Batch): Writers["row"] {
    try {
      return this.form.writer(batch)
    } catch (error) {
      if (error instanceof LayoutError) throw this.schemaChanged(error.message)
      throw error
    }
  }

  /** Writes keys and row of one row. A value that cannot be read is the row's fault: false where it was reported. */
  write(batch: Batch, row: number, writers: Writers, onRowError: OnRowError | undefined): boolean {
    return this.writeKeys(batch, row, writers, onRowError) && this.writeRow(batch, row, writers, onRowError)
  }

  writeKeys(batch: Batch, row: number, { keys }: Writers, onRowError: OnRowError | undefined): boolean {
    try {
      for (let i = 0; i < keys.length; i++) {
        const out = this.keys[i]!
        out.length = 0
        putKey(out, keys[i]!, row)
      }
      return true
    } catch (error) {
      return this.failed(batch, row, error, onRowError)
    }
  }

  /**
   * Adds the keys of one row to blocks, one for each key. False where a value cannot be read: the keys are empty then, and `writeKeys` says
   * what is wrong when it is the row's turn.
   */
  addKeys(row: number, { keys }: Writers, blocks: ReadonlyArray<KeyBlock>): boolean {
    let isWritten = true
    for (let i = 0; i < keys.length; i++) {
      const block = blocks[i]!
      const start = block.out.length
      try {
        if (isWritten) putKey(block.out, keys[i]!, row)
      } catch (error) {
        if (!(error instanceof ValueError)) throw error
        block.out.length = start
        isWritten = false
      }
      block.end()
    }
    return isWritten
  }

  writeRow(batch: Batch, row: number, writers: Writers, onRowError: OnRowError | undefined): boolean {
    this.row.length = 0
    return this.appendRow(batch, row, writers, onRowError, this.row)
  }

  /** Writes the row behind what stands in `out`. */
  appendRow(batch: Batch, row: number, writers: Writers, onRowError: OnRowError | undefined, out: ByteWriter): boolean {
    try {
      writers.row(out, row)
      return true
    } catch (error) {
      return this.failed(batch, row, error, onRowError)
    }
  }

  private failed(batch: Batch, row: number, error: unknown, onRowError: OnRowError | undefined): false {
    if (!(error instanceof ValueError)) throw error
    const failure = this.valueError(batch, row, error)
    if (onRowError === undefined) throw failure
    onRowError({ row, step: this.options.index, error: failure })
    return false
  }

  private valueError(batch: Batch, row: number, error: ValueError): TransformError {
    const { spec, index } = this.options
    return batchValueError(this.place, batch.firstRow + row, batch, row, error, pathOf(spec.steps[index]!, index))
  }
}

const putKey = (out: ByteWriter, parts: ReadonlyArray<PutKey>, row: number): void => {
  for (let part = 0; part < parts.length; part++) parts[part]!(out, row)
}

/** The rows came with columns that were not known when the pipeline was checked, and the step does not work with them. */
export const unexpectedSchema = (spec: StepsSpec, index: number, issue: StepIssue, schema: BatchSchema): TransformError =>
  new TransformError({
    code: issue.code,
    message: `${placeOf(spec, index)}: ${sentence(issue.message)}${issue.hint === undefined ? "" : ` ${sentence(issue.hint)}`} The rows that came have the columns ${describeSchema(schema)}.`,
    path: pathOf(spec.steps[index]!, index),
  })

/** A key of which only equality counts. */
export const equalityKey = (columns: ReadonlyArray<string>): ReadonlyArray<KeyPart> =>
  columns.map((column) => ({ column, descending: false, nullsFirst: false }))

/** Finds out what is wrong with the columns that a step names. */
export const checkColumns = (
  scope: StepScope,
  names: ReadonlyArray<{ readonly name: string; readonly path: string }>,
  index: number,
  step: BlockingStep,
): void => {
  for (const { name, path } of names) {
    const column = scope.find(name)
    if (column === undefined) scope.unknownColumn(name, index, path)
    else if (!isOrdered(column.type))
      scope.issue(
        "EXPRESSION_TYPE",
        index,
        path,
        `\`${name}\` is ${column.type}, which has no order and no equality, so ${step.type} cannot compare it.`,
        `Take out what is to be compared first, as with map: { key: "${name} ->> 'id'" }.`,
      )
  }
}
