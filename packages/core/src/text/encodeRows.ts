/** The loop that all encoders of text share: row by row, field by field, with an error that names both. */
import type { Batch } from "../model/Batch.ts"
import { ValueError } from "../model/Value.ts"
import { EncodeError } from "./EncodeError.ts"
import type { TextOutput } from "./encodeOutput.ts"
import { type TextRows, TextColumn } from "./TextRows.ts"

/** Writes the field of one column in this physical row, with what stands before it, and gives the place behind. */
export type PutField = (out: TextOutput, at: number, row: number) => number

/** A value that the format has no way to hold. */
export class UnsupportedValue extends Error {
  override readonly name = "UnsupportedValue"
}

/** Writes all rows of a batch, each with all fields and `putEnd`. */
export type PutRows = (out: TextOutput, batch: Batch, fields: ReadonlyArray<PutField>, putEnd: PutField) => number

/**
 * A loop for this number of fields. Where code may be generated it calls each field's function by name, so that the host can
 * compile the calls into one another; a loop over a list takes about a third longer.
 */
export const rowLoop = (fields: number, backend: "code" | "closure" = "code"): PutRows => {
  if (backend === "closure" || fields > MOST_GENERATED) return loopOverList
  try {
    return generated(fields)
  } catch (cause) {
    // The host forbids `new Function` by a policy of its own.
    if (cause instanceof EvalError) return loopOverList
    throw cause
  }
}

const MOST_GENERATED = 200

const loopOverList: PutRows = (out, batch, fields, putEnd) => {
  let at = 0
  for (let i = 0; i < batch.length; i++) {
    const row = batch.physicalRow(i)
    out.row = row
    for (const put of fields) at = put(out, at, row)
    at = putEnd(out, at, row)
  }
  return at
}

const generated = (fields: number): PutRows => {
  const names = Array.from({ length: fields }, (_, i) => `f${i}`)
  const body = `
    const [${names.join(", ")}] = fields
    const { length, selection } = batch
    let at = 0
    for (let i = 0; i < length; i++) {
      const row = selection === undefined ? i : selection[i]
      out.row = row
      ${names.map((name) => `at = ${name}(out, at, row)`).join("\n      ")}
      at = putEnd(out, at, row)
    }
    return at`
  return new Function("out", "batch", "fields", "putEnd", body) as PutRows
}

/** What the copied fields of a batch can take at most: the text that each of them comes from, as often as it is used. */
export const copiedBytes = (batch: Batch, perRow: number): number => {
  const uses = new Map<TextRows, Map<number, number>>()
  for (const column of batch.columns) {
    if (!(column instanceof TextColumn)) continue
    const fields = uses.get(column.rows) ?? new Map<number, number>()
    fields.set(column.field, (fields.get(column.field) ?? 0) + 1)
    uses.set(column.rows, fields)
  }
  let bytes = batch.length * perRow
  for (const [rows, fields] of uses) bytes += textSize(rows) * Math.max(...fields.values())
  return bytes
}

const textSize = (rows: TextRows): number => (rows.format === "csv" ? rows.offsets.at(-1)! - rows.offsets[0]! : rows.buffer.length)

/** Runs a loop; an error about a value comes out with its row and column. */
export const writeRows = (
  out: TextOutput,
  batch: Batch,
  loop: PutRows,
  fields: ReadonlyArray<PutField>,
  putEnd: PutField,
): number => {
  try {
    return loop(out, batch, fields, putEnd)
  } catch (cause) {
    if (!(cause instanceof ValueError) && !(cause instanceof UnsupportedValue)) throw cause
    throw located(out, batch, fields, cause)
  }
}

/** Writes the row again, field by field, to see which one it is. */
const located = (out: TextOutput, batch: Batch, fields: ReadonlyArray<PutField>, cause: ValueError | UnsupportedValue): EncodeError => {
  const { row } = out
  const code = cause instanceof ValueError ? "VALUE_TYPE" : "VALUE_NOT_SUPPORTED"
  const index = fields.findIndex((put) => fails(() => put(out, 0, row)))
  return new EncodeError(code, cause.message, row, batch.schema.columns[index]?.name ?? "")
}

const fails = (run: () => unknown): boolean => {
  try {
    run()
    return false
  } catch {
    // Which error it is was looked at before; here only the place is wanted.
    return true
  }
}
