import { beforeAll, describe, expect, test } from "vitest"
import { batchOf, schemaOf, shapes, type Table } from "../../test/steps/batches.ts"
import { compiled, custom, runSkipping, runSteps, type RunStepsOptions } from "../../test/steps/run.ts"
import { TransformError } from "../contract/Errors.ts"
import { loadExpressionParser } from "../expression/Expression.ts"
import { Batch, ValuesColumn } from "../model/Batch.ts"
import type { BatchSchema, ColumnType } from "../model/ColumnType.ts"
import { Decimal } from "../model/Decimal.ts"
import type { Row } from "../model/Value.ts"
import { type CsvRows, TextColumn } from "../text/TextRows.ts"
import { codeGenerationWorks, compileSteps } from "./Segment.ts"
import { type CompiledSteps, isTransferable, type RowStep, type StepIssue } from "./Step.ts"

beforeAll(loadExpressionParser)

const backends = ["code", "closure"] as const

const filter = (condition: string): RowStep => ({ type: "filter", condition })
const map = (fields: Readonly<Record<string, string>>): RowStep => ({ type: "map", fields })
const rename = (columns: Readonly<Record<string, string>>): RowStep => ({ type: "rename", columns })
const select = (...columns: ReadonlyArray<string>): RowStep => ({ type: "select", columns })

const schema = schemaOf({ id: "integer", name: "string", amount: "decimal", ok: "boolean" })

const table: Table = [
  [1, "Ada", new Decimal(1250, 2), true],
  [2, null, new Decimal(5, 1), null],
  [3, "Zoë", null, false],
]

const batch = (shape: (typeof shapes)[number] = "csv", firstRow = 1): Batch => batchOf(schema, table, shape, firstRow)

const columnsText = (of: BatchSchema | undefined) => of?.columns.map(({ name, type }) => `${name} ${type}`)

const issuesOf = (steps: ReadonlyArray<RowStep>, input = schema): ReadonlyArray<StepIssue> => {
  const result = compileSteps({ steps, input, runtime: {}, now: 0, backend: "code" }, () => undefined)
  return result.ok ? [] : result.issues
}

const briefly = (issues: ReadonlyArray<StepIssue>) => issues.map(({ code, path, message, hint }) => [code, path, message, hint])

const failureOf = async (run: Promise<unknown>): Promise<TransformError> => {
  const error: unknown = await run.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(TransformError)
  return error as TransformError
}

/** CSV rows over the text as it stands, for values that cannot be read. */
const csv = (types: Readonly<Record<string, ColumnType>>, text: string, nulls: ReadonlyArray<string> = [""]): Batch => {
  const lines = text.split("\n")
  const offsets = [0]
  for (let at = 0; at < text.length; at++) if (text[at] === "," || text[at] === "\n") offsets.push(at + 1)
  offsets.push(text.length + 1)
  const utf8 = (part: string): Uint8Array => new TextEncoder().encode(part)
  const rows: CsvRows = {
    format: "csv",
    buffer: utf8(text),
    offsets: Uint32Array.from(offsets),
    columns: Object.keys(types).length,
    crlf: false,
    quotes: false,
    delimiter: 44,
    quote: 34,
    nulls: nulls.map(utf8),
  }
  const columns = Object.entries(types).map(([name, type], i) => new TextColumn(rows, i, name, type))
  return new Batch({ schema: schemaOf(types), columns, rowCount: lines.length, byteSize: text.length })
}

describe.each(backends)("filter (%s)", (backend) => {
  test.each(shapes)("keeps the rows for which the condition is true, and not null, over %s", async (shape) => {
    const run = async (condition: string) =>
      (await runSteps([filter(condition)], batch(shape), { backend })).batch.toRows().map((row) => row["id"])
    expect(await run("ok")).toStrictEqual([1])
    expect(await run("NOT ok")).toStrictEqual([3])
    expect(await run("ok IS NULL")).toStrictEqual([2])
    expect(await run("name = 'Zoë' OR amount < 1")).toStrictEqual([2, 3])
    expect(await run("name <> 'Ada'")).toStrictEqual([3])
    expect(await run("id IN (3, 1) AND amount IS NOT NULL")).toStrictEqual([1])
  })

  test("makes a selection only, and none where all rows pass", async () => {
    const input = batch()
    const some = await runSteps([filter("id > 1")], input, { backend })
    expect(some.batch.columns).toStrictEqual(input.columns)
    expect(some.batch.selection).toStrictEqual(Int32Array.of(1, 2))
    expect((await runSteps([filter("id > 0")], input, { backend })).batch.selection).toBeUndefined()
    expect((await runSteps([filter("id > 3")], input, { backend })).batch.length).toBe(0)
  })

  test("looks only at the rows that are still in", async () => {
    const result = await runSteps([filter("10 / (id - 2) > -100")], batch().slice(2, 3), { backend })
    expect(result.batch.toRows().map((row) => row["id"])).toStrictEqual([3])
  })
})

describe.each(backends)("map (%s)", (backend) => {
  test("adds columns at the end in the order written, and replaces columns in their place", async () => {
    const result = await runSteps([map({ z: "id + 1", name: "upper(name)", a: "ok", id: "id * 10" })], batch(), { backend })
    expect(columnsText(result.batch.schema)).toStrictEqual([
      "id integer",
      "name string",
      "amount decimal",
      "ok boolean",
      "z integer",
      "a boolean",
    ])
    expect(result.batch.toRows()[0]).toStrictEqual({ id: 10, name: "ADA", amount: new Decimal(1250, 2), ok: true, z: 2, a: true })
  })

  test("lets every field see the columns as they were before", async () => {
    const result = await runSteps([map({ id: "id + 100", old: "id", twice: "id * 2" })], batch(), { backend })
    expect(result.batch.toRows().map(({ id, old, twice }) => [id, old, twice])).toStrictEqual([
      [101, 1, 2],
      [102, 2, 4],
      [103, 3, 6],
    ])
  })

  test("leaves the other columns the very same, and a copy of one too", async () => {
    const input = batch()
    const { columns } = (await runSteps([map({ copy: "name", extra: "id + 1" })], input, { backend })).batch
    expect(columns.slice(0, 5)).toStrictEqual([...input.columns, input.columns[1]])
    expect(columns[4]).toBe(input.columns[1])
  })

  test("takes runtime values and the time of the run", async () => {
    const result = await runSteps([map({ run: ":run_id", at: "NOW()" })], batch(), { backend, runtime: { run_id: "r1" } })
    expect(result.batch.toRows()[0]).toMatchObject({ run: "r1", at: "2026-01-02T03:04:05Z" })
  })
})

describe("rename and select", () => {
  test("only rearrange columns", async () => {
    const input = batch()
    const result = await runSteps([rename({ id: "name", name: "id" }), select("ok", "id"), rename({ ok: "fine" })], input)
    expect(columnsText(result.batch.schema)).toStrictEqual(["fine boolean", "id string"])
    expect(result.batch.columns).toStrictEqual([input.columns[3], input.columns[1]])
    expect(result.batch.columns[1]).toBe(input.columns[1])
    expect(result.passed).toStrictEqual([3, 3, 3])
  })
})

describe.each(backends)("steps in one pass (%s)", (backend) => {
  test("see what the steps before them did", async () => {
    const steps = [map({ total: "id * 2" }), filter("total > 2"), rename({ total: "t" }), map({ t: "t + 1", was: "t" }), select("was", "t")]
    const result = await runSteps(steps, batch(), { backend })
    expect(result.batch.toRows()).toStrictEqual([
      { was: 4, t: 5 },
      { was: 6, t: 7 },
    ])
    expect(result.passed).toStrictEqual([3, 2, 2, 2, 2])
  })

  test("decode each value at most once, and only in rows that get there", async () => {
    const reads: Array<string> = []
    const input = batch("values")
    const watched = input.withColumns(
      schema,
      input.columns.map((column, i) => ({
        type: column.type,
        isNull: (row: number) => column.isNull(row),
        value: (row: number) => (reads.push(`${schema.columns[i]!.name} ${row}`), column.value(row)),
      })),
    )
    await runSteps([filter("id > 1 AND id < 9"), map({ n: "name || name", m: "name || id" })], watched, { backend })
    expect(reads.toSorted()).toStrictEqual(["id 0", "id 1", "id 2", "name 1", "name 2"])
  })

  test("read each form of null text", async () => {
    const input = csv({ a: "string", b: "integer" }, "NULL,1\nx,NULL\n,2", ["NULL", "-"])
    const result = await runSteps([map({ an: "a IS NULL", bn: "b IS NULL", c: "COALESCE(b, 0) + 1" })], input, { backend })
    expect(result.batch.toRows().map(({ an, bn, c }) => [an, bn, c])).toStrictEqual([
      [true, false, 2],
      [false, true, 1],
      [false, false, 3],
    ])
    const none = await runSteps([map({ an: "a IS NULL", c: "a || '!'" })], csv({ a: "string" }, "x\n\ny", []), { backend })
    expect(none.batch.toRows().map(({ an, c }) => [an, c])).toStrictEqual([
      [false, "x!"],
      [false, "!"],
      [false, "y!"],
    ])
  })

  test("handle names and texts that would be code", async () => {
    const evil = `x"; throw 1; //\u2028\\`
    const input = batchOf(
      schemaOf(
        Object.fromEntries([
          [evil, "string"],
          ["__proto__", "string"],
        ]),
      ),
      [["`${1}`", "'\\"]],
      "objects",
    )
    const quoted = `"${evil.replaceAll('"', '""')}"`
    const result = await runSteps(
      [map({ [evil]: `${quoted} || "__proto__" || 'it''s \\ "'` }), filter(`${quoted} <> '${"\u0001"}'`)],
      input,
      { backend },
    )
    expect(result.batch.toRows()[0]![evil]).toBe("`${1}`'\\it's \\ \"")
  })

  test("go on with a batch of another schema, and with one of another form", async () => {
    const steps = compiled([map({ next: "id + 1" }), filter("next > 2")], schema, { backend })
    for (const shape of [...shapes, ...shapes])
      expect((await steps.run(batch(shape))).batch.toRows().map((row) => row["next"])).toStrictEqual([3, 4])
    const wider = batchOf(schemaOf({ extra: "string", id: "decimal" }), [["x", new Decimal(25, 1)]], "csv")
    expect((await steps.run(wider)).batch.toRows()).toStrictEqual([{ extra: "x", id: new Decimal(25, 1), next: new Decimal(35, 1) }])
  })

  test("refuse a batch that lacks a column which they use, and name what came", async () => {
    const steps = compiled([filter("id > 1")], schema, { backend })
    const error = await failureOf(Promise.resolve().then(() => steps.run(batchOf(schemaOf({ ident: "integer" }), [[1]], "csv"))))
    expect(error.message).toMatch(/^orders \/ transforms\[0\] \(filter\): .*id.* The rows that came have the columns ident integer\.$/)
    expect(error).toMatchObject({ code: "UNKNOWN_COLUMN", path: ["transforms[0]", "condition"] })
  })

  test("do without columns that a source has left out because nobody uses them", async () => {
    const steps = compiled(
      [rename({ name: "n", ok: "fine" }), map({ amount: "id * 2" }), select("fine", "amount", "id"), select("amount", "id")],
      schema,
      { backend },
    )
    expect(steps.used).toStrictEqual(["id"])
    const result = await steps.run(batchOf(schemaOf({ id: "integer" }), [[4]], "csv"))
    expect(result.batch.toRows()).toStrictEqual([{ amount: 8, id: 4 }])
  })
})

describe.each(backends)("a row that cannot be computed (%s)", (backend) => {
  const options: RunStepsOptions = { backend }

  test("ends the run with step, row and values", async () => {
    const error = await failureOf(runSteps([filter("id > 0"), map({ q: "100 / (id - 2)" })], batch("csv", 101), options))
    expect(error).toMatchObject({ code: "DIVISION_BY_ZERO", row: 102, path: ["transforms[1]", "fields.q"] })
    expect(error.message).toMatch(
      /^orders \/ transforms\[1\] \(map q\): row 102: .*division by zero.*\. The row has id = 2\. Guard the expression/,
    )
  })

  test("shows computed values, constants and nulls too", async () => {
    const steps = [map({ zero: "0", half: "amount / 2", label: "name" }), filter("half IS NULL OR label = 'x' OR id / zero = 1")]
    const error = await failureOf(runSteps(steps, batch(), options))
    expect(error.message).toContain("row 1: ")
    expect(error.message).toContain("half = 6.25")
    expect(error.message).toContain('label = "Ada"')
    expect(error).toMatchObject({ path: ["transforms[1]", "condition"] })
  })

  test("names the column of a value that is none of its type", async () => {
    const input = csv({ id: "integer", age: "integer", born: "date" }, "1,20,2000-01-01\n2,old,2000-01-01\n3,30,yesterday")
    const error = await failureOf(runSteps([filter("age > 1")], input, options))
    expect(error).toMatchObject({ code: "VALUE_TYPE", row: 2, column: "age", path: ["transforms[0]", "condition"] })
    expect(error.message).toBe(
      'orders / transforms[0] (filter): row 2, column age: "old" is no integer. Correct the value, or declare another type for the column.',
    )
    const later = await failureOf(
      runSteps([filter("id <> 2"), rename({ born: "day" }), map({ d: "day + 1", n: "age + id" })], input, options),
    )
    expect(later).toMatchObject({ row: 3, column: "day" })
  })

  test("is dropped and reported where rows are to be skipped, and counted with its step", async () => {
    const input = csv({ id: "integer", age: "integer" }, "1,20\n2,old\n3,0\n4,0\n5,40")
    const steps = [filter("id < 5 OR age > 0"), map({ more: "age + 1" }), filter("id <> 4"), map({ q: "100 / age" })]
    const { failures, ...result } = await runSkipping(steps, input, options)
    expect(failures.map(({ row, step, error }) => [row, step, error.code, error.row])).toStrictEqual([
      [1, 1, "VALUE_TYPE", 2],
      [2, 3, "DIVISION_BY_ZERO", 3],
    ])
    expect(result.passed).toStrictEqual([5, 4, 3, 2])
    expect(result.rejected).toBe(2)
    expect(result.batch.toRows()).toStrictEqual([
      { id: 1, age: 20, more: 21, q: 5 },
      { id: 5, age: 40, more: 41, q: 2 },
    ])
  })

  test("does not hide what is no fault of the data", async () => {
    const broken = batch().withColumns(schemaOf({ id: "integer" }), [{ type: "integer", isNull: () => false, value: () => throwBug() }])
    await expect(runSteps([filter("id > 1")], broken, options)).rejects.toThrow(RangeError)
    await expect(runSkipping([filter("id > 1")], broken, options)).rejects.toThrow(RangeError)
  })
})

const throwBug = (): never => {
  throw new RangeError("a bug")
}

describe("what is wrong with steps", () => {
  test("comes all at once, with code and place", () => {
    const steps = [
      filter("ag >= 18"),
      map({ ok: "id", bad: "nope(id)" }),
      rename({ nam: "n", id: "amount" }),
      select("id", "idd", "name", "name"),
      select(),
    ]
    expect(issuesOf(steps).map(({ code, path }) => [code, path])).toStrictEqual([
      ["UNKNOWN_COLUMN", "transforms[0].condition"],
      ["UNKNOWN_FUNCTION", "transforms[1].fields.bad"],
      ["UNKNOWN_COLUMN", "transforms[2].columns.nam"],
      ["DUPLICATE_COLUMN", "transforms[2].columns.id"],
      ["UNKNOWN_COLUMN", "transforms[3].columns[0]"],
      ["UNKNOWN_COLUMN", "transforms[3].columns[1]"],
      ["DUPLICATE_COLUMN", "transforms[3].columns[3]"],
      ["INVALID_VALUE", "transforms[4].columns"],
    ])
  })

  test("names the nearest column, or those that there are", () => {
    expect(briefly(issuesOf([rename({ nmae: "n" })]))).toStrictEqual([
      ["UNKNOWN_COLUMN", "transforms[0].columns.nmae", "There is no column `nmae` at this step.", "Did you mean `name`?"],
    ])
    expect(briefly(issuesOf([select("zzzzzz")]))).toStrictEqual([
      [
        "UNKNOWN_COLUMN",
        "transforms[0].columns[0]",
        "There is no column `zzzzzz` at this step.",
        "The columns here are: id, name, amount, ok.",
      ],
    ])
  })

  test("says where in an expression it is", () => {
    const [issue] = issuesOf([map({ x: "id + nmae" })])
    expect(issue).toMatchObject({ code: "UNKNOWN_COLUMN", step: 0, path: "transforms[0].fields.x", position: 5 })
  })

  test("a condition that is no boolean is wrong", () => {
    expect(issuesOf([filter("id + 1")])).toMatchObject([{ code: "EXPRESSION_TYPE", path: "transforms[0].condition" }])
  })

  test("two names that become one are wrong, and names that are swapped are not", () => {
    expect(issuesOf([rename({ id: "x", name: "x" })]).map(({ code, path }) => [code, path])).toStrictEqual([
      ["DUPLICATE_COLUMN", "transforms[0].columns.id"],
      ["DUPLICATE_COLUMN", "transforms[0].columns.name"],
    ])
    expect(issuesOf([rename({ id: "name", name: "id" })])).toStrictEqual([])
  })

  test("a column that is missing only because its field is wrong is not complained about again", () => {
    const steps = [map({ year: "nope(name)" }), filter("year > 2000"), rename({ year: "y" }), select("id", "y")]
    expect(issuesOf(steps).map(({ path }) => path)).toStrictEqual(["transforms[0].fields.year"])
  })

  test("a custom step without a function is wrong", () => {
    expect(briefly(issuesOf([filter("id > 1"), custom()]))).toStrictEqual([
      ["UNKNOWN_PLUGIN", "transforms[1]", "The function `it` is not there.", "Register it on the engine, or name a module and its export."],
    ])
  })
})

describe("compiled steps", () => {
  const functions = {
    it: { mode: "row" as const, run: (row: Row) => ({ ...row, id: Number(row["id"]) + 1, length: String(row["name"]).length }) },
    add: { mode: "patch" as const, run: () => ({ hash: "h" }) },
  }
  const patch: RowStep = { ...custom({ columns: { hash: "string" } }), reference: { local: "add" } }

  const shown = ({ passes, used, isAsync, schemas, output }: CompiledSteps) => ({
    passes,
    used,
    isAsync,
    schemas: schemas.map(columnsText),
    output: columnsText(output),
  })

  test("without a step give the batch as it is", async () => {
    const input = batch()
    const steps = compiled([], schema)
    expect(shown(steps)).toStrictEqual({
      passes: [],
      used: ["id", "name", "amount", "ok"],
      isAsync: false,
      schemas: [],
      output: columnsText(schema),
    })
    expect(await steps.run(input)).toStrictEqual({ batch: input, passed: [], rejected: 0 })
  })

  test("say which columns they read, which steps run together, and what comes after each", () => {
    expect(shown(compiled([filter("amount > 1"), map({ b: "name || '!'" }), select("b", "id")], schema))).toStrictEqual({
      passes: [[0, 1, 2]],
      used: ["id", "name", "amount"],
      isAsync: false,
      schemas: [columnsText(schema), [...columnsText(schema)!, "b string"], ["b string", "id integer"]],
      output: ["b string", "id integer"],
    })
  })

  test("know nothing past a function over rows, and everything past a patch that declares what it adds", () => {
    expect(shown(compiled([select("id"), custom(), filter("whatever > 1")], schema, { functions }))).toStrictEqual({
      passes: [[0], [1], [2]],
      used: ["id"],
      isAsync: true,
      schemas: [["id integer"], undefined, undefined],
      output: undefined,
    })
    expect(shown(compiled([select("id"), patch, filter("hash = 'h'")], schema, { functions })).output).toStrictEqual([
      "id integer",
      "hash string",
    ])
    const wrong = compileSteps({ steps: [patch, filter("hsah = 'h'")], input: schema, runtime: {}, now: 0, backend: "code" }, () => ({
      apply: functions.add,
      config: {},
    }))
    expect(wrong).toMatchObject({ ok: false, issues: [{ code: "UNKNOWN_COLUMN", path: "transforms[1].condition" }] })
  })

  test("read all columns for a function that may look at them", () => {
    expect(compiled([custom(), select("id")], schema, { functions }).used).toStrictEqual(["id", "name", "amount", "ok"])
  })

  test.each(backends)("go on after a custom step with what it gave (%s)", async (backend) => {
    const steps = [filter("id > 1"), custom(), filter("length > 3 OR id = 4"), map({ next: "id + 1" }), patch]
    const result = await runSteps(steps, batch(), { functions, backend })
    expect(result.batch.toRows().map(({ id, length, next, hash }) => [id, length, next, hash])).toStrictEqual([
      [3, 4, 4, "h"],
      [4, 3, 5, "h"],
    ])
    expect(result.passed).toStrictEqual([2, 2, 2, 2, 2])
  })

  test("check what they could not check before when the first batch comes", async () => {
    const error = await failureOf(runSteps([custom(), filter("lenght > 3")], batch(), { functions }))
    expect(error.message).toMatch(
      /^orders \/ transforms\[1\] \(filter\): .*lenght.*length.* The rows that came have the columns id integer, name string, amount decimal, ok boolean, length integer\.$/,
    )
  })

  test("pass an empty batch over after a function that has given no row", async () => {
    const result = await runSteps([custom(), filter("length > 3"), map({ x: "length" })], batch().slice(0, 0), { functions })
    expect(result).toMatchObject({ passed: [0, 0, 0], rejected: 0 })
    expect(result.batch.schema.columns).toStrictEqual([])
  })

  test("are plain data that a worker thread can compile, unless a function of this process is among them", async () => {
    const steps: ReadonlyArray<RowStep> = [
      filter("id > 1"),
      { type: "custom", reference: { url: "file:///x.ts", name: "f", options: { a: 1n } } },
    ]
    expect(isTransferable(steps)).toBe(true)
    expect(structuredClone(steps)).toStrictEqual(steps)
    expect(isTransferable([...steps, custom()])).toBe(false)
  })

  test("take the row numbers of messages from the batch that came in", async () => {
    const input = batch("csv", 1000).slice(1, 3)
    const error = await failureOf(runSteps([custom(), map({ q: "1 / (id - 4)" })], input, { functions }))
    expect(error).toMatchObject({ row: 1002 })
  })

  test("leave the batches that come in alone", async () => {
    const input = batch("values")
    const before = input.toRows()
    await runSteps([map({ id: "id + 1" }), filter("id > 2"), custom()], input, { functions })
    expect(input.toRows()).toStrictEqual(before)
    expect(input.columns[0]).toBeInstanceOf(ValuesColumn)
  })
})

test("code generation works on this host", () => {
  expect(codeGenerationWorks()).toBe(true)
})
