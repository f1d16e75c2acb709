/**
 * A pass as one generated function: one loop over the rows, in which every column is read at most once, when it is first needed, by code
 * made for the way in which it is stored.
 *
 * The source is built from names, numbers and JSON strings of our own; nothing of an expression's text gets into it.
 */
import type { Emitter } from "../expression/Emitter.ts"
import { emitCondition, emitExpression } from "../expression/Expression.ts"
import { runtime } from "../expression/runtime.ts"
import type { Column } from "../model/Batch.ts"
import { Constants, ColumnSources, physicalKey } from "./columnCode.ts"
import type { Pass, RunPass } from "./pass.ts"
import type { Slot, Statement } from "./scope.ts"

/** Makes functions for a pass, one per way in which its columns are stored. */
export const codePass = (pass: Pass): RunPass => {
  const read = columnsRead(pass)
  const made = new Map<string, RunPass>()
  return (columns, rowCount, selection, length, fail) => {
    const key = `${selection === undefined ? "all" : "some"};${physicalKey(columns, read)}`
    let run = made.get(key)
    if (run === undefined) {
      // Only a source whose batches look different each time gets here; its functions are not worth keeping.
      if (made.size >= MOST_KINDS) made.clear()
      run = generate(pass, columns, selection !== undefined)
      made.set(key, run)
    }
    return run(columns, rowCount, selection, length, fail)
  }
}

const MOST_KINDS = 64

/** Input columns that some statement reads, ascending. */
export const columnsRead = (pass: Pass): ReadonlyArray<number> => slotsRead(pass, "input")

/** Slots of a kind that some statement reads, ascending. */
const slotsRead = (pass: Pass, kind: "input" | "computed"): ReadonlyArray<number> => {
  const read = new Set<number>()
  for (const { expression, scope } of pass.statements) {
    for (const index of expression.columns) {
      const { slot } = scope[index]!
      if (slot.kind === kind) read.add(slot.index)
    }
  }
  return Array.from(read).sort((a, b) => a - b)
}

const generate = (pass: Pass, columns: ReadonlyArray<Column>, selects: boolean): RunPass => {
  const code = new PassCode(pass, columns, selects)
  const make = new Function("constants", "runtime", code.source()) as (constants: ReadonlyArray<unknown>, functions: unknown) => RunPass
  return make(code.constants.values, runtime)
}

/**
 * Marks the places where a column is read until it is known how many there are. No string literal in JavaScript holds the character as it
 * is.
 */
const MARK = "\u0001"

class PassCode {
  readonly constants = new Constants()
  private readonly pass: Pass
  private readonly sources: ColumnSources
  private readonly functions = new Set<string>()
  /** Whether the rows of the batch are a selection. */
  private readonly selects: boolean
  /** Computed slots that a later statement reads. */
  private readonly kept: ReadonlySet<number>
  private locals = 0

  constructor(pass: Pass, columns: ReadonlyArray<Column>, selects: boolean) {
    this.pass = pass
    this.selects = selects
    this.kept = new Set(slotsRead(pass, "computed"))
    this.sources = new ColumnSources(columns, this.constants)
  }

  source(): string {
    const { pass } = this
    const memo = new Set<number>()
    const body = this.resolveReads(pass.statements.map((statement, i) => this.statement(statement, i)).join("\n"), memo)
    const computed = Array.from({ length: pass.computed }, (_, i) => i)
    const conditions = pass.statements.flatMap(({ target }, i) => (target === undefined ? [i] : []))
    // Without a condition only an error takes a row out, and then which rows are left is found afterwards.
    const drops = conditions.length > 0
    if (!drops) this.constants.name(without)
    return lines(
      `"use strict"`,
      this.constants.declaration(),
      list(
        "const",
        Array.from(this.functions, (name) => `f_${name} = runtime.${name}`),
      ),
      "return (columns, rowCount, selection, length, fail) => {",
      list("const", this.sources.perBatch),
      list(
        "const",
        computed.map((i) => `w${i} = new Array(rowCount)`),
      ),
      list("let", [...Array.from(this.kept, (i) => `y${i}`), ...conditions.map((i) => `n${i} = 0`), ...Array.from(memo, (i) => `x${i}`)]),
      list("let", ["s = 0", "e = 0", "v", "at = 0", "kept = 0", ...Array.from({ length: this.locals }, (_, i) => `t${i}`)]),
      drops ? "const rows = new Int32Array(length)" : "let rows, failed",
      "for (let i = 0; i < length; i++) {",
      this.selects ? "const r = selection[i]" : "const r = i",
      list("const", this.sources.perRow),
      Array.from(memo, (i) => `x${i} = undefined`).join("; "),
      "try {",
      body,
      "} catch (error) {",
      `fail(error, r, at, [${computed.map((i) => `w${i}[r]`).join(", ")}]);`,
      drops ? "continue" : "(failed ??= []).push(r)",
      "}",
      drops ? "rows[kept++] = r" : "",
      "}",
      drops
        ? ""
        : `if (failed === undefined) kept = length; else { rows = ${this.constants.name(without)}(selection, length, failed); kept = rows.length }`,
      `return { rows, kept, passed: [${conditions.map((i) => `n${i}`).join(", ")}], values: [${computed.map((i) => `w${i}`).join(", ")}] }`,
      "}",
    )
  }

  private statement(statement: Statement, index: number): string {
    const { expression, target } = statement
    const emitter = this.emitter(statement)
    const action =
      target === undefined
        ? `if (!(${emitCondition(expression, emitter)})) continue; n${index}++`
        : `w${target.index}[r] = ${this.kept.has(target.index) ? `y${target.index} = ` : ""}${emitExpression(expression, emitter)}`
    return `at = ${index}; ${action}`
  }

  private emitter(statement: Statement): Emitter {
    const slotAt = (index: number): Slot => statement.scope[index]!.slot
    return {
      column: (index) => this.read(slotAt(index)),
      isNull: (index) => this.isNull(slotAt(index)),
      textField: (index) => {
        const slot = slotAt(index)
        return slot.kind === "input" ? this.sources.of(slot.index).text : undefined
      },
      constant: (value) => this.constants.name(value),
      runtime: (name) => {
        this.functions.add(name)
        return `f_${name}`
      },
      local: () => `t${this.locals++}`,
    }
  }

  private read(slot: Slot): string {
    if (slot.kind === "computed") return `y${slot.index}`
    return slot.kind === "constant" ? this.constants.name(slot.value) : `${MARK}${slot.index}${MARK}`
  }

  private isNull(slot: Slot): string {
    return slot.kind === "input" ? this.sources.of(slot.index).isNull : `(${this.read(slot)} === null)`
  }

  /** A column that is read in one place needs no memory; one that is read in several is read where the row gets to first. */
  private resolveReads(body: string, memo: Set<number>): string {
    const pattern = new RegExp(`${MARK}(\\d+)${MARK}`, "g")
    const counts = new Map<string, number>()
    for (const [, index] of body.matchAll(pattern)) counts.set(index!, (counts.get(index!) ?? 0) + 1)
    return body.replace(pattern, (_, index: string) => {
      const { read, isCheap } = this.sources.of(Number(index))
      if (counts.get(index) === 1 || isCheap === true) return read
      memo.add(Number(index))
      return `(x${index} === undefined ? x${index} = ${read} : x${index})`
    })
  }
}

/** The rows that did not fail; `failed` is ascending. */
const without = (selection: Int32Array | undefined, length: number, failed: ReadonlyArray<number>): Int32Array => {
  const rows = new Int32Array(length - failed.length)
  let kept = 0
  let next = 0
  for (let i = 0; i < length; i++) {
    const row = selection === undefined ? i : selection[i]!
    if (row === failed[next]) next++
    else rows[kept++] = row
  }
  return rows
}

const list = (keyword: string, parts: ReadonlyArray<string>): string => (parts.length === 0 ? "" : `${keyword} ${parts.join(", ")}`)

const lines = (...parts: ReadonlyArray<string>): string => parts.filter((part) => part !== "").join("\n")
