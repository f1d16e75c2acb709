import { describe, expect, test } from "vitest"
import { batchOf, schemaOf, shapes } from "../../test/steps/batches.ts"
import { compiled, custom, runSkipping, runSteps } from "../../test/steps/run.ts"
import type { BatchFunction, PatchFunction, RowFunction } from "../contract/Transform.ts"
import { TransformError } from "../contract/Errors.ts"
import type { Batch } from "../model/Batch.ts"
import type { ColumnType } from "../model/ColumnType.ts"
import { Decimal } from "../model/Decimal.ts"
import { type Row, ValueError } from "../model/Value.ts"
import type { CustomStep, RowFailure } from "./Step.ts"

const schema = schemaOf({ id: "integer", name: "string", amount: "decimal", at: "timestamptz" })

const people = (shape: (typeof shapes)[number] = "csv", firstRow = 1): Batch =>
  batchOf(
    schema,
    [
      [1, "Ada", new Decimal(1250, 2), 0],
      [2, null, new Decimal(5, 1), 1_500_000],
      [3, "Zoë", null, 86_400_000_000],
    ],
    shape,
    firstRow,
  )

const backends = ["code", "closure"] as const

const row = (run: RowFunction<any>) => ({ it: { mode: "row" as const, run } })
const patch = (run: PatchFunction<any>) => ({ it: { mode: "patch" as const, run } })
const batch = (run: BatchFunction<any>) => ({ it: { mode: "batch" as const, run } })

const typesOf = (result: { readonly batch: Batch }): ReadonlyArray<readonly [string, ColumnType]> =>
  result.batch.schema.columns.map(({ name, type }) => [name, type] as const)

const failureOf = async (run: Promise<unknown>): Promise<TransformError> => {
  const error: unknown = await run.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(TransformError)
  return error as TransformError
}

const throwValueError = (): never => {
  throw new ValueError("integer", '"x" is no integer')
}

const brief = (failures: ReadonlyArray<RowFailure>) => failures.map(({ row: at, step, error }) => [at, step, error.code, error.row])

describe("a row function", () => {
  test.each(shapes.flatMap((shape) => backends.map((backend) => [shape, backend] as const)))(
    "gets rows of %s as plain objects of its own (%s)",
    async (shape, backend) => {
      const seen: Array<Row> = []
      const functions = row((one) => {
        seen.push({ ...one })
        one["id"] = "changed"
        return null
      })
      const result = await runSteps([custom()], people(shape), { functions, backend })
      expect(seen).toStrictEqual([
        { id: 1, name: "Ada", amount: new Decimal(1250, 2), at: "1970-01-01T00:00:00Z" },
        { id: 2, name: null, amount: new Decimal(5, 1), at: "1970-01-01T00:00:01.5Z" },
        { id: 3, name: "Zoë", amount: null, at: "1970-01-02T00:00:00Z" },
      ])
      expect(result.passed).toStrictEqual([0])
      expect(people(shape).toRows()[0]!["id"]).toBe(1)
    },
  )

  test.each(backends)("leaves columns that it does not change as they are, bytes included (%s)", async (backend) => {
    const input = people()
    const functions = row((one) => ({ ...one, name: String(one["name"]).toUpperCase(), extra: 1 }))
    const result = await runSteps([custom()], input, { functions, backend })
    expect(result.batch.columns[0]).toBe(input.columns[0])
    expect(result.batch.columns[2]).toBe(input.columns[2])
    expect(result.batch.columns[3]).toBe(input.columns[3])
    expect(result.batch.toRows().map((one) => [one["name"], one["extra"]])).toStrictEqual([
      ["ADA", 1],
      ["NULL", 1],
      ["ZOË", 1],
    ])
    expect(typesOf(result)).toStrictEqual([
      ["id", "integer"],
      ["name", "string"],
      ["amount", "decimal"],
      ["at", "timestamptz"],
      ["extra", "integer"],
    ])
  })

  test("drops a row with null, and makes several of one with an array, in order", async () => {
    const functions = row((one) => (one["id"] === 2 ? null : one["id"] === 3 ? [one, { ...one, id: 30 }, { ...one, id: 31 }] : one))
    const result = await runSteps([custom(), custom()], people(), { functions: { ...functions } })
    expect(result.batch.toRows().map((one) => [one["id"], one["name"]])).toStrictEqual([
      [1, "Ada"],
      [3, "Zoë"],
      [30, "Zoë"],
      [31, "Zoë"],
      [30, "Zoë"],
      [31, "Zoë"],
    ])
    expect(result.passed).toStrictEqual([4, 6])
  })

  test("drops a row with an empty array", async () => {
    const result = await runSteps([custom()], people(), { functions: row((one) => (one["id"] === 1 ? [] : one)) })
    expect(result.batch.toRows().map((one) => one["id"])).toStrictEqual([2, 3])
  })

  test("sees a change that is made in place, also within JSON", async () => {
    const input = batchOf(
      schemaOf({ n: "integer", tags: "json" }),
      [
        [1, '["a"]'],
        [2, '["b"]'],
      ],
      "json",
    )
    const functions = row((one) => {
      ;(one["tags"] as Array<string>).push("x")
      one["n"] = 7
      return one
    })
    const result = await runSteps([custom()], input, { functions })
    expect(result.batch.toRows()).toStrictEqual([
      { n: 7, tags: ["a", "x"] },
      { n: 7, tags: ["b", "x"] },
    ])
  })

  test("tells minus zero from zero", async () => {
    const input = batchOf(schemaOf({ n: "double" }), [[-0], [0]], "values")
    const result = await runSteps([custom()], input, { functions: row((one) => ({ n: one["n"] === 0 ? 0 : 1 })) })
    expect(result.batch.toRows()).toStrictEqual([{ n: 0 }, { n: 0 }])
  })

  test("gives the columns in the order in which rows first show them, without those that no row has", async () => {
    const functions = row(({ name, id }) => (id === 1 ? { name, id } : { name, id, later: true }))
    const result = await runSteps([custom()], people(), { functions })
    expect(typesOf(result)).toStrictEqual([
      ["name", "string"],
      ["id", "integer"],
      ["later", "boolean"],
    ])
    expect(result.batch.toRows()).toStrictEqual([
      { name: "Ada", id: 1, later: null },
      { name: null, id: 2, later: true },
      { name: "Zoë", id: 3, later: true },
    ])
  })

  test("a key that some rows leave out is null in them, and not what it was", async () => {
    const functions = row(({ id, name }) => (id === 3 ? { id } : { id, name }))
    const result = await runSteps([custom()], people(), { functions })
    expect(result.batch.toRows().map((one) => one["name"])).toStrictEqual(["Ada", null, null])
    const first = await runSteps([custom()], people(), { functions: row(({ id, name }) => (id === 1 ? { id } : { id, name })) })
    expect(first.batch.toRows().map((one) => one["name"])).toStrictEqual([null, null, "Zoë"])
  })

  test.each(backends)("may have columns named like the keys of every object (%s)", async (backend) => {
    const input = batchOf(
      schemaOf(
        Object.fromEntries([
          ["__proto__", "string"],
          ["constructor", "string"],
          ["toString", "integer"],
        ]),
      ),
      [["a", "b", 1]],
      "csv",
    )
    const functions = row((one) => {
      expect(Object.keys(one)).toStrictEqual(["__proto__", "constructor", "toString"])
      expect(Object.getPrototypeOf(one)).toBe(Object.prototype)
      return Object.defineProperty({ ...one }, "__proto__", { value: `${String(one["__proto__"])}!`, enumerable: true })
    })
    const result = await runSteps([custom()], input, { functions, backend })
    expect(result.batch.schema.columns.map((column) => column.name).sort()).toStrictEqual(["__proto__", "constructor", "toString"])
    expect(result.batch.toRows().map((one) => [one["__proto__"], one["constructor"], one["toString"]])).toStrictEqual([["a!", "b", 1]])
  })

  test("may be async: calls overlap up to the limit, and rows keep their order", async () => {
    const input = batchOf(
      schemaOf({ n: "integer" }),
      Array.from({ length: 40 }, (_, i) => [i]),
      "csv",
    )
    let running = 0
    let most = 0
    const functions = row(async (one) => {
      most = Math.max(most, ++running)
      for (let turns = (one["n"] as number) % 7; turns >= 0; turns--) await Promise.resolve()
      running--
      return { n: one["n"], double: 2 * (one["n"] as number) }
    })
    const result = await runSteps([custom({ concurrency: 5 })], input, { functions })
    expect(most).toBe(5)
    expect(result.batch.toRows()).toStrictEqual(Array.from({ length: 40 }, (_, n) => ({ n, double: 2 * n })))
  })

  test("is given config, run, pipeline, log and signal", async () => {
    const controller = new AbortController()
    const { signal } = controller
    const messages: Array<string> = []
    const log = { debug() {}, info: (message: string) => void messages.push(message), warn() {}, error() {} }
    const functions = row((one, context) => {
      context.log.info(`${context.pipeline} ${context.runId} ${String(context.signal.aborted)} ${String(context.state)}`)
      if (one["id"] === 2) controller.abort()
      return { ...one, salt: (context.config as { salt: string }).salt }
    })
    const result = await runSteps([custom()], people(), {
      functions,
      config: { salt: "s" },
      host: { log, signal },
      runtime: { run_id: "r1" },
    })
    expect(messages[0]).toBe("orders r1 false undefined")
    expect(messages[2]).toBe("orders r1 true undefined")
    expect(result.batch.toRows()[0]!["salt"]).toBe("s")
  })
})

describe("types of what a row function gives", () => {
  const typed = async (values: ReadonlyArray<unknown>, step: Partial<CustomStep> = {}) => {
    const input = batchOf(
      schemaOf({ i: "integer", zip: "integer", day: "date" }),
      values.map((_, i) => [i, 1234, 0]),
      "csv",
    )
    return await runSteps([custom(step)], input, { functions: row((one) => ({ v: values[one["i"] as number] })) })
  }

  test.each([
    ["whole numbers and fractions", "double", [1, 2.5]],
    ["whole numbers small and large", "integer", [1, 2n ** 60n]],
    ["numbers and decimals", "decimal", [1, new Decimal(15, 1)]],
    ["text and null", "string", [null, "x"]],
    ["nothing but null", "string", [null, undefined]],
    ["dates of JavaScript", "timestamptz", [new Date(0)]],
    ["objects and arrays", "json", [{ a: 1 }, [1]]],
    ["bytes", "bytes", [new Uint8Array([1])]],
    ["truth and null", "boolean", [true, null]],
  ] as ReadonlyArray<[string, ColumnType, ReadonlyArray<unknown>]>)("%s: %s", async (_, type, values) => {
    expect(typesOf(await typed(values))).toStrictEqual([["v", type]])
  })

  test("text in a column of numbers stays text: a zip code keeps its zero", async () => {
    const input = batchOf(schemaOf({ zip: "integer" }), [[1234], [99]], "csv")
    const result = await runSteps([custom()], input, { functions: row((one) => ({ zip: String(one["zip"]).padStart(5, "0") })) })
    expect(typesOf(result)).toStrictEqual([["zip", "string"]])
    expect(result.batch.toRows()).toStrictEqual([{ zip: "01234" }, { zip: "00099" }])
  })

  test("a date that is changed as text stays a date", async () => {
    const input = batchOf(schemaOf({ day: "date" }), [[0], [1]], "csv")
    const result = await runSteps([custom()], input, {
      functions: row((one) => ({ day: one["day"] === "1970-01-01" ? "2000-02-29" : one["day"] })),
    })
    expect(typesOf(result)).toStrictEqual([["day", "date"]])
    expect(result.batch.toRows()).toStrictEqual([{ day: "2000-02-29" }, { day: "1970-01-02" }])
  })

  test("a whole number that becomes a fraction in some rows makes the column double", async () => {
    const input = batchOf(schemaOf({ n: "integer" }), [[1], [2]], "csv")
    const result = await runSteps([custom()], input, { functions: row((one) => ({ n: one["n"] === 1 ? 1.5 : one["n"] })) })
    expect(typesOf(result)).toStrictEqual([["n", "double"]])
    expect(result.batch.toRows()).toStrictEqual([{ n: 1.5 }, { n: 2 }])
  })

  test("a declared type is over any inference, and is there also where no row has the column", async () => {
    const result = await typed(["2025-01-31", null], { columns: { v: "date", w: "integer" } })
    expect(typesOf(result)).toStrictEqual([
      ["v", "date"],
      ["w", "integer"],
    ])
    expect(result.batch.toRows()).toStrictEqual([
      { v: "2025-01-31", w: null },
      { v: null, w: null },
    ])
  })

  test("a declared type is also for values that the function left alone", async () => {
    const input = batchOf(schemaOf({ day: "string" }), [["2025-01-31"], [null]], "csv")
    const result = await runSteps([custom({ columns: { day: "date" } })], input, { functions: row((one) => one) })
    expect(result.batch.columns[0]!.value(0)).toBe(20_119)
    expect(result.batch.columns[0]!.isNull(1)).toBe(true)
  })

  test("a type that was found in one batch holds in the next, and the schema stays the same object", async () => {
    const steps = [custom()]
    const input = schemaOf({ n: "integer" })
    const run = compiled(steps, input, {
      functions: row((one) => ({ n: one["n"] === 1 ? 1.5 : one["n"], new: one["n"] === 3 ? "x" : null })),
    })
    const one = await run.run(batchOf(input, [[1]], "csv"))
    const two = await run.run(batchOf(input, [[2]], "csv", 2))
    const three = await run.run(batchOf(input, [[3]], "csv", 3))
    expect([one, two, three].map(typesOf)).toStrictEqual(
      Array.from({ length: 3 }, () => [
        ["n", "double"],
        ["new", "string"],
      ]),
    )
    expect(two.batch.schema).toBe(one.batch.schema)
    expect(two.batch.toRows()).toStrictEqual([{ n: 2, new: null }])
  })

  test("values that cannot meet in one type are an error that names row and column", async () => {
    const error = await failureOf(typed([1, "x"]))
    expect(error).toMatchObject({ code: "VALUE_TYPE", row: 2, column: "v" })
    expect(error.message).toBe(
      'orders / transforms[0] (custom it): row 2, column v: the step gave "x", and the column is integer. Give all rows one type, or declare the column\'s type under `columns` of the step.',
    )
  })

  test("a function or a symbol is no value", async () => {
    expect(await failureOf(typed([1, () => 1]))).toMatchObject({ code: "VALUE_TYPE", row: 2 })
  })
})

describe("a row function that fails", () => {
  test.each([
    [42, "42 (number)"],
    ["text", '"text" (string)'],
    [true, "true (boolean)"],
    [new Date(0), '"1970-01-01T00:00:00.000Z" (Date)'],
    [[{}, 7], "7 (number)"],
    [() => 1, "a function"],
  ])("giving %j is an error that names step and row", async (result, shown) => {
    const error = await failureOf(
      runSteps([custom()], people("csv", 11), { functions: row((one) => (one["id"] === 2 ? (result as never) : one)) }),
    )
    expect(error).toMatchObject({ code: "CUSTOM_STEP_FAILED", row: 12, path: ["transforms[0]"] })
    expect(error.message).toBe(
      `orders / transforms[0] (custom it): row 12: the function gave ${shown}, which is no row. Return an object, an array of objects, or null to drop the row.`,
    )
  })

  test("throwing is an error with its message and cause", async () => {
    const cause = new TypeError("cannot read x of null")
    const functions = row((one) => {
      if (one["id"] === 3) throw cause
      return one
    })
    const error = await failureOf(runSteps([custom()], people("csv", 101), { functions }))
    expect(error.message).toBe(
      "orders / transforms[0] (custom it): row 103: cannot read x of null. Correct the function, or let error_handling skip such rows.",
    )
    expect(error).toMatchObject({ code: "CUSTOM_STEP_FAILED", row: 103, cause, retryable: false })
  })

  test("says of itself that it may work later", async () => {
    const functions = row(() => {
      throw Object.assign(new Error("503"), { retryable: true })
    })
    expect(await failureOf(runSteps([custom()], people(), { functions }))).toMatchObject({ retryable: true })
  })

  test("rejecting is the same, and of several the first row counts", async () => {
    const functions = row(async (one) => {
      if (one["id"] === 2) await new Promise((resolve) => setImmediate(resolve))
      if (one["id"] !== 1) throw new Error(`no ${String(one["id"])}`)
      return one
    })
    const error = await failureOf(runSteps([custom()], people(), { functions }))
    expect(error).toMatchObject({ code: "CUSTOM_STEP_FAILED", row: 2 })
    expect(error.message).toContain("row 2: no 2.")
  })

  test("a value that cannot be read is an error that names the column", async () => {
    const input = batchOf(schemaOf({ id: "integer", n: "string" }), [[1, "x"]], "csv")
    const wrong = input.withColumns(schemaOf({ id: "integer", n: "integer" }), [
      input.columns[0]!,
      { ...input.columns[1]!, type: "integer", value: () => throwValueError() },
    ])
    const error = await failureOf(runSteps([custom()], wrong, { functions: row((one) => one) }))
    expect(error).toMatchObject({ code: "VALUE_TYPE", row: 1, column: "n" })
  })

  test.each(["sync", "async"] as const)("failing rows are dropped and reported where they are to be skipped (%s)", async (kind) => {
    const decide = (one: Row) => {
      if (one["id"] === 1) throw new Error("one")
      return one["id"] === 2 ? (7 as never) : { ...one, v: "x" }
    }
    const functions = row(kind === "sync" ? decide : async (one) => decide(one))
    const result = await runSkipping([custom()], people("csv", 5), { functions })
    expect(brief(result.failures)).toStrictEqual([
      [0, 0, "CUSTOM_STEP_FAILED", 5],
      [1, 0, "CUSTOM_STEP_FAILED", 6],
    ])
    expect(result).toMatchObject({ passed: [1], rejected: 2 })
    expect(result.batch.toRows()).toMatchObject([{ id: 3, v: "x" }])
  })

  test("a value that fits nowhere costs its row alone", async () => {
    const functions = row((one) => ({ id: one["id"], v: one["id"] === 2 ? "x" : 1 }))
    const result = await runSkipping([custom()], people("csv"), { functions })
    expect(brief(result.failures)).toStrictEqual([[1, 0, "VALUE_TYPE", 2]])
    expect(result.batch.toRows()).toStrictEqual([
      { id: 1, v: 1 },
      { id: 3, v: 1 },
    ])
  })

  test("a later step's failure names the row that came in, also when rows were added in between", async () => {
    const functions = {
      it: { mode: "row" as const, run: (one: Row) => (one["id"] === 1 ? null : [one, { ...one, id: 10 * (one["id"] as number) }]) },
      fail: {
        mode: "row" as const,
        run: (one: Row) => {
          if (one["id"] === 30) throw new Error("thirty")
          return one
        },
      },
    }
    const steps = [custom(), { ...custom(), reference: { local: "fail" } }]
    expect(await failureOf(runSteps(steps, people("csv", 5), { functions }))).toMatchObject({ row: 7, path: ["transforms[1]"] })
    const skipped = await runSkipping(steps, people("csv", 5), { functions })
    expect(brief(skipped.failures)).toStrictEqual([[2, 1, "CUSTOM_STEP_FAILED", 7]])
    expect(skipped).toMatchObject({ passed: [4, 3], rejected: 1 })
  })

  test("calls nothing more once the run is cancelled", async () => {
    const controller = new AbortController()
    let calls = 0
    const functions = row(async (one) => {
      calls++
      controller.abort()
      return one
    })
    const input = batchOf(
      schemaOf({ n: "integer" }),
      Array.from({ length: 50 }, (_, i) => [i]),
      "csv",
    )
    const error = await failureOf(runSteps([custom({ concurrency: 2 })], input, { functions, host: { signal: controller.signal } }))
    expect(error.code).toBe("RUN_CANCELLED")
    expect(calls).toBeLessThan(3)
  })
})

describe("a patch function", () => {
  test.each(shapes)("changes only what it gives, over %s", async (shape) => {
    const input = people(shape)
    const result = await runSteps([custom()], input, {
      functions: patch((one) => (one["id"] === 2 ? null : { name: `${String(one["name"])}!` })),
    })
    expect(result.batch.columns[0]).toBe(input.columns[0])
    expect(result.batch.columns[3]).toBe(input.columns[3])
    expect(result.batch.toRows().map((one) => one["name"])).toStrictEqual(["Ada!", null, "Zoë!"])
    expect(result.batch.columns[1]!.isNull(1)).toBe(true)
    expect(typesOf(result)).toStrictEqual(typesOf({ batch: input }))
  })

  test("decodes only what is read, once per row", async () => {
    const reads: Array<string> = []
    const input = people("values")
    const watched = input.withColumns(
      input.schema,
      input.columns.map((column, i) => ({
        type: column.type,
        isNull: (at: number) => column.isNull(at),
        value: (at: number) => {
          reads.push(`${input.schema.columns[i]!.name} ${at}`)
          return column.value(at)
        },
      })),
    )
    await runSteps([custom()], watched, { functions: patch((one) => ({ copy: [one["id"], one["id"], one["id"]].join() })) })
    expect(reads).toStrictEqual(["id 0", "id 1", "id 2"])
  })

  test("keeps a row of its own while it waits", async () => {
    const functions = patch(async (one) => {
      const before = one["id"]
      await new Promise((resolve) => setImmediate(resolve))
      return { same: Object.is(before, one["id"]) }
    })
    const result = await runSteps([custom()], people(), { functions })
    expect(result.batch.toRows().map((one) => one["same"])).toStrictEqual([true, true, true])
  })

  test("that waits in some rows only keeps those apart", async () => {
    const seen: Array<unknown> = []
    const functions = patch((one) => {
      if (one["id"] !== 2) return { v: one["id"] }
      return new Promise((resolve) => setImmediate(() => resolve({ v: (seen.push(one["id"]), 20) })))
    })
    const result = await runSteps([custom()], people(), { functions })
    expect(seen).toStrictEqual([2])
    expect(result.batch.toRows().map((one) => one["v"])).toStrictEqual([1, 20, 3])
  })

  test("cannot write to the row, which would be lost", async () => {
    const write = (name: string) =>
      patch((one) => {
        ;(one as Row)[name] = 1
        return null
      })
    expect(await failureOf(runSteps([custom()], people(), { functions: write("id") }))).toMatchObject({
      code: "CUSTOM_STEP_FAILED",
      row: 1,
    })
    expect(await failureOf(runSteps([custom()], people(), { functions: write("other") }))).toMatchObject({
      code: "CUSTOM_STEP_FAILED",
      row: 1,
    })
  })

  test("shows the row where it is logged", async () => {
    const shown: Array<string> = []
    await runSteps([custom()], people(), { functions: patch((one) => void shown.push(JSON.stringify(one))) })
    expect(shown[1]).toBe('{"id":2,"name":null,"amount":"0.5","at":"1970-01-01T00:00:01.5Z"}')
  })

  test("may have columns named like the keys of every object", async () => {
    const input = batchOf(
      schemaOf(Object.fromEntries(["__proto__", "constructor", "toJSON"].map((name) => [name, "string"]))),
      [["a", "b", "c"]],
      "csv",
    )
    const functions = patch((one) => ({ constructor: `${String(one["__proto__"])}${String(one["constructor"])}${String(one["toJSON"])}` }))
    const result = await runSteps([custom()], input, { functions })
    expect(result.batch.toRows().map((one) => [one["__proto__"], one["constructor"]])).toStrictEqual([["a", "abc"]])
  })

  test("spread into its result changes only what it names", async () => {
    const result = await runSteps([custom()], people(), { functions: patch((one) => ({ ...one, id: 0 })) })
    expect(result.batch.toRows()[0]).toStrictEqual({ id: 0, name: "Ada", amount: new Decimal(1250, 2), at: "1970-01-01T00:00:00Z" })
  })

  test("declares the columns that it adds, and none else may come", async () => {
    const step = custom({ columns: { hash: "string", id: "decimal" } })
    const functions = patch((one) => (one["id"] === 3 ? { other: 1 } : { hash: "h" }))
    expect(compiled([step], schema, { functions }).output?.columns.map(({ name, type }) => `${name} ${type}`)).toStrictEqual([
      "id decimal",
      "name string",
      "amount decimal",
      "at timestamptz",
      "hash string",
    ])
    const result = await runSkipping([step], people(), { functions })
    expect(brief(result.failures)).toStrictEqual([[2, 0, "CUSTOM_STEP_FAILED", 3]])
    expect(result.failures[0]!.error.message).toContain("row 3: the patch adds the column other, which `columns` does not name.")
    expect(typesOf(result)).toStrictEqual([
      ["id", "decimal"],
      ["name", "string"],
      ["amount", "decimal"],
      ["at", "timestamptz"],
      ["hash", "string"],
    ])
  })

  test("keeps a column that never was null so, until it gives null", async () => {
    const input = people().withColumns({ columns: schema.columns.map((column) => ({ ...column, nullable: false })) }, people().columns)
    const nullables = async (value: unknown) =>
      (await runSteps([custom()], input, { functions: patch(() => ({ id: value })) })).batch.schema.columns.map((column) => column.nullable)
    expect(await nullables(9)).toStrictEqual([false, false, false, false])
    expect(await nullables(null)).toStrictEqual([true, false, false, false])
  })

  test.each([7, [{}], "x"])("giving %j is an error", async (result) => {
    const error = await failureOf(runSteps([custom()], people(), { functions: patch(() => result as never) }))
    expect(error).toMatchObject({ code: "CUSTOM_STEP_FAILED", row: 1 })
    expect(error.message).toContain("which is no row. Return an object with what changes, or null to change nothing.")
  })

  test("text for a number in some rows is an error that says what to declare", async () => {
    const error = await failureOf(runSteps([custom()], people(), { functions: patch((one) => (one["id"] === 2 ? { id: "two" } : {})) }))
    expect(error).toMatchObject({ code: "VALUE_TYPE", row: 2, column: "id" })
  })
})

describe("a batch function", () => {
  test("gets all rows and gives others, in its own order", async () => {
    const result = await runSteps([custom()], people(), { functions: batch((rows) => rows.filter((one) => one["id"] !== 2).toReversed()) })
    expect(result.batch.toRows().map((one) => one["id"])).toStrictEqual([3, 1])
    expect(result.passed).toStrictEqual([2])
    expect(typesOf(result)).toStrictEqual([
      ["id", "integer"],
      ["name", "string"],
      ["amount", "decimal"],
      ["at", "timestamptz"],
    ])
  })

  test("may be async", async () => {
    const functions = batch(async (rows) => await Promise.resolve([{ count: rows.length }]))
    expect((await runSteps([custom()], people(), { functions })).batch.toRows()).toStrictEqual([{ count: 3 }])
  })

  test.each([7, null, undefined, [1], [undefined]])("giving %j is an error that names the rows", async (result) => {
    const error = await failureOf(runSteps([custom()], people("csv", 11), { functions: batch(() => result as never) }))
    expect(error.code).toBe("CUSTOM_STEP_FAILED")
    expect(error.message).toContain("orders / transforms[0] (custom it): rows 11 to 13: the function gave")
  })

  test.each(["sync", "async"] as const)(
    "that fails is called with halves until the bad row is alone, where rows are skipped (%s)",
    async (kind) => {
      const input = batchOf(
        schemaOf({ n: "integer" }),
        Array.from({ length: 9 }, (_, i) => [i]),
        "csv",
      )
      const check = (rows: ReadonlyArray<Row>): ReadonlyArray<Row> => {
        if (rows.some((one) => one["n"] === 4 || one["n"] === 7)) throw new Error("no")
        return rows.map((one) => ({ n: 10 * (one["n"] as number) }))
      }
      const result = await runSkipping([custom()], input, { functions: batch(kind === "sync" ? check : async (rows) => check(rows)) })
      expect(result.batch.toRows().map((one) => one["n"])).toStrictEqual([0, 10, 20, 30, 50, 60, 80])
      expect(brief(result.failures)).toStrictEqual([
        [4, 0, "CUSTOM_STEP_FAILED", 5],
        [7, 0, "CUSTOM_STEP_FAILED", 8],
      ])
      expect(result).toMatchObject({ passed: [7], rejected: 2 })
    },
  )

  test("is not called without rows", async () => {
    let calls = 0
    const functions = batch((rows) => (calls++, rows))
    const result = await runSteps([custom(), custom()], batchOf(schema, [], "csv"), { functions })
    expect(calls).toBe(0)
    expect(result.passed).toStrictEqual([0, 0])
    expect(result.batch.schema.columns).toStrictEqual([])
  })
})
