import { beforeAll, describe, expect, test } from "vitest"
import { batchOf, schemaOf } from "../../test/steps/batches.ts"
import { custom, resolver } from "../../test/steps/run.ts"
import type { TransformFunction } from "../contract/Transform.ts"
import { loadExpressionParser } from "../expression/Expression.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import { Decimal } from "../model/Decimal.ts"
import type { RowStep, StepsResult } from "../transform/Step.ts"
import { describeCondition, explainPlan, explainText } from "./explain.ts"
import { makePlan, type Plan, type PlanIssue, type PlanOptions } from "./Plan.ts"

beforeAll(loadExpressionParser)

const orders = schemaOf({
  id: "integer",
  status: "string",
  amount: "decimal",
  day: "date",
  at: "timestamptz",
  rate: "double",
  open: "boolean",
  note: "string",
})

const filter = (condition: string): RowStep => ({ type: "filter", condition })

const functions: Readonly<Record<string, TransformFunction>> = {
  it: { mode: "row", run: (row) => row },
  patch: { mode: "patch", run: () => null },
}

const patch: RowStep = { ...custom(), reference: { local: "patch" } }

const make = (steps: ReadonlyArray<RowStep>, schemas: ReadonlyArray<BatchSchema> = [orders], more: Partial<PlanOptions> = {}) =>
  makePlan({
    sources: schemas.map((schema, i) => ({ name: `s${i}`, schema })),
    steps,
    resolve: resolver({ functions }),
    runtime: { pipeline_name: "orders", run_id: "r" },
    now: 0,
    backend: "code",
    ...more,
  })

const planOf = (...args: Parameters<typeof make>): Plan => {
  const result = make(...args)
  if (!result.ok) throw new Error(result.issues.map((issue) => issue.message).join("\n"))
  return result.plan
}

const issuesOf = (...args: Parameters<typeof make>): ReadonlyArray<PlanIssue> => {
  const result = make(...args)
  return result.ok ? [] : result.issues
}

const pushed = (...steps: ReadonlyArray<RowStep>): ReadonlyArray<string> =>
  (planOf(steps).offers[0]!.conditions ?? []).map(describeCondition)

describe("columns that are read", () => {
  const columns = (steps: ReadonlyArray<RowStep>) => planOf(steps).offers[0]!.columns

  test("are all where all reach the end", () => {
    expect(columns([])).toBeUndefined()
    expect(columns([filter("id > 1"), { type: "map", fields: { x: "id + 1" } }])).toBeUndefined()
  })

  test("are those that are computed with or reach the end, in the source's order", () => {
    expect(
      columns([filter("status = 'paid'"), { type: "map", fields: { year: "day - 1" } }, { type: "select", columns: ["year", "id"] }]),
    ).toStrictEqual(["id", "status", "day"])
  })

  test("leave out one that is replaced before anybody reads it", () => {
    expect(columns([{ type: "map", fields: { note: "status" } }])).toStrictEqual(["id", "status", "amount", "day", "at", "rate", "open"])
  })

  test("are all that are left before a function which may look at them", () => {
    expect(columns([custom(), { type: "select", columns: ["id"] }])).toBeUndefined()
    expect(columns([{ type: "select", columns: ["id", "note"] }, custom(), { type: "select", columns: ["id"] }])).toStrictEqual([
      "id",
      "note",
    ])
  })

  test("are one at least, so that there are rows", () => {
    expect(
      columns([
        { type: "map", fields: { x: "1" } },
        { type: "select", columns: ["x"] },
      ]),
    ).toStrictEqual(["id"])
  })

  test("are each source's own", () => {
    const plan = planOf(
      [{ type: "select", columns: ["id", "b"] }],
      [schemaOf({ a: "string", id: "integer" }), schemaOf({ b: "string", id: "integer" })],
    )
    expect(plan.offers).toStrictEqual([{ columns: ["id"] }, {}])
    expect(plan.sources.map((source) => source.pruned)).toStrictEqual([["a"], []])
  })
})

describe("conditions that are offered to the source", () => {
  test.each([
    ["id >= 18", "id >= 18"],
    ["18 < id", "id > 18"],
    ["status = 'paid'", "status = 'paid'"],
    ["amount <> 12.50", "amount <> 12.50"],
    ["day < '2025-01-31'", "day < '2025-01-31'"],
    ["at >= '2025-01-31 00:00:00Z'", "at >= '2025-01-31T00:00:00Z'"],
    ["open", "open = true"],
    ["NOT open", "open = false"],
    ["open = true", "open = true"],
    ["note IS NULL", "note is null"],
    ["rate IS NOT NULL", "rate is not null"],
  ])("%s", (condition, text) => {
    expect(pushed(filter(condition))).toStrictEqual([text])
  })

  test.each([
    ["order and other comparisons of text, which databases do their own way", "status > 'a' AND status <> 'paid'"],
    ["doubles, because of NaN", "rate > 1.5"],
    ["two columns", "id = id + 0 OR id > 2"],
    ["a column that is computed with", "id + 1 > 2"],
    ["a constant of another type", "id > 1.5"],
    ["nothing but null", "id = NULL"],
    ["alternatives", "id = 1 OR status = 'x'"],
    ["infinity", "day < 'infinity'"],
  ])("are not %s", (_, condition) => {
    expect(pushed(filter(condition))).toStrictEqual([])
  })

  test("are the parts of which all must be true, of all leading filters, under the source's names", () => {
    const steps = [
      filter("id > 1 AND (status = 'paid' AND rate > 1) AND open"),
      { type: "rename", columns: { id: "ident", note: "id" } },
      filter("ident < 9 AND id IS NULL"),
    ] as const
    expect(pushed(...steps)).toStrictEqual(["id > 1", "status = 'paid'", "open = true", "id < 9", "note is null"])
  })

  test("stop where something before could fail, because a row that is left out cannot", () => {
    expect(pushed(filter("id > 1 AND 10 / id > 2 AND open"))).toStrictEqual(["id > 1"])
    expect(pushed(filter("10 / id > 2"), filter("id > 1"))).toStrictEqual([])
    expect(pushed({ type: "map", fields: { x: "10 / id" } }, filter("id > 1"))).toStrictEqual([])
  })

  test("go past what cannot fail", () => {
    expect(pushed(filter("(rate > 1 OR note IS NULL OR status IN ('a', 'b')) AND id > 1"))).toStrictEqual(["id > 1"])
    expect(
      pushed({ type: "map", fields: { x: "COALESCE(note, status)", y: "CASE WHEN open THEN 1 ELSE id END" } }, filter("id > 1")),
    ).toStrictEqual(["id > 1"])
  })

  test("are none of a computed column, and none past a custom step", () => {
    expect(pushed({ type: "map", fields: { id: "COALESCE(id, 0)", status: "'x'" } }, filter("id > 1 AND status = 'x'"))).toStrictEqual([])
    expect(pushed(custom(), filter("id > 1"))).toStrictEqual([])
    expect(pushed(filter("id > 1"), custom(), filter("id > 2"))).toStrictEqual(["id > 1"])
  })

  test("go only to a source whose own column has the type", () => {
    const plan = planOf([filter("id > 1.5 AND a = 'x'")], [schemaOf({ id: "decimal", a: "string" }), schemaOf({ id: "integer" })])
    expect(plan.offers.map((offer) => (offer.conditions ?? []).map(describeCondition))).toStrictEqual([["id > 1.5", "a = 'x'"], []])
  })

  test("carry the value as the engine has it", () => {
    expect(planOf([filter("amount > 12.50")]).offers[0]!.conditions).toStrictEqual([
      { column: "amount", type: "decimal", operator: ">", value: new Decimal(1250, 2) },
    ])
  })
})

describe("a limit", () => {
  const limit = (steps: ReadonlyArray<RowStep>) => planOf(steps, [orders], { limit: 20 }).offers[0]!.limit

  test("is offered where every row comes out", () => {
    expect(limit([])).toBe(20)
    expect(
      limit([{ type: "map", fields: { x: "id" } }, { type: "rename", columns: { x: "y" } }, { type: "select", columns: ["y"] }, patch]),
    ).toBe(20)
  })

  test("is not offered where rows may be dropped or made", () => {
    expect(limit([filter("id > 1")])).toBeUndefined()
    expect(limit([custom()])).toBeUndefined()
    expect(planOf([]).offers[0]).toStrictEqual({})
  })
})

describe("a plan over several sources", () => {
  test("joins their columns, and brings batches of each to the same", () => {
    const plan = planOf(
      [{ type: "map", fields: { next: "id + 1" } }],
      [schemaOf({ id: "integer", a: "string" }), schemaOf({ b: "date", id: "decimal" })],
    )
    expect(plan.output!.columns.map(({ name, type }) => `${name} ${type}`)).toStrictEqual([
      "id decimal",
      "a string",
      "b date",
      "next decimal",
    ])
    const rows = (batch: Parameters<Plan["conform"]>[0], source: number) =>
      (plan.steps.run(plan.conform(batch, source)) as StepsResult).batch.toRows()
    expect(rows(batchOf(schemaOf({ id: "integer", a: "string" }), [[1, "x"]], "csv"), 0)).toStrictEqual([
      { id: new Decimal(1, 0), a: "x", b: null, next: new Decimal(2, 0) },
    ])
    expect(rows(batchOf(schemaOf({ b: "date", id: "decimal" }), [[0, new Decimal(15, 1)]], "json"), 1)).toStrictEqual([
      { id: new Decimal(15, 1), a: null, b: "1970-01-01", next: new Decimal(25, 1) },
    ])
  })

  test("is refused where a column's types cannot meet", () => {
    expect(issuesOf([filter("nope")], [schemaOf({ id: "integer" }), schemaOf({ id: "string" })])).toMatchObject([
      { code: "EXPRESSION_TYPE", path: "sources[1]" },
    ])
  })
})

test("what is wrong with the steps is what the plan says", () => {
  expect(issuesOf([filter("idd > 1")])).toMatchObject([{ code: "UNKNOWN_COLUMN", path: "transforms[0].condition", step: 0 }])
})

test("a column that the source grows reaches the end, unless a select is before it", () => {
  const grown = batchOf(schemaOf({ id: "integer", fresh: "string" }), [[1, "f"]], "csv")
  const after = (...steps: ReadonlyArray<RowStep>) => {
    const plan = planOf(steps, [schemaOf({ id: "integer" })])
    return (plan.steps.run(plan.conform(grown, 0)) as StepsResult).batch.toRows()
  }
  expect(after(filter("id = 1"))).toStrictEqual([{ id: 1, fresh: "f" }])
  expect(after({ type: "select", columns: ["id"] })).toStrictEqual([{ id: 1 }])
})

test("a plan of modules can be sent to a worker thread, and one with functions of this process cannot", () => {
  const steps: ReadonlyArray<RowStep> = [
    filter("amount > 1.50"),
    { type: "custom", reference: { url: "file:///x.ts", name: "f", options: {} } },
  ]
  const plan = planOf(steps, [orders], { resolve: () => ({ apply: functions["it"]!, config: {} }) })
  expect(plan.isTransferable).toBe(true)
  expect(structuredClone(plan.spec)).toStrictEqual(plan.spec)
  expect(planOf([custom()]).isTransferable).toBe(false)
})

describe("an explanation", () => {
  const steps: ReadonlyArray<RowStep> = [
    filter("status = 'it''s' AND amount > 50 AND id / 2 > 1"),
    { type: "map", name: "amounts", fields: { cents: "amount * 100", day: "day + 1" } },
    { type: "rename", columns: { id: "ident" } },
    { type: "select", columns: ["ident", "cents", "day"] },
    custom(),
    { type: "custom", reference: { url: "file:///project/steps.ts", name: "f", options: {} } },
    filter("cents > 1"),
  ]

  const explained = (backend: "code" | "closure" = "code") => {
    const plan = planOf(steps, [orders, orders], { backend, resolve: () => ({ apply: functions["it"]!, config: {} }) })
    const [condition] = plan.offers[0]!.conditions!
    return explainPlan({
      pipeline: "orders",
      plan,
      sources: [
        { name: "db", type: "sqlite", notes: ["SELECT id, status FROM orders"], accepted: { columns: true, conditions: [condition!] } },
        { name: "file", type: "csv", notes: [] },
      ],
      destinations: [{ name: "out", type: "ndjson", writeMode: "replace", guarantee: "exactly once in effect" }],
    })
  }

  test("is read as text", () => {
    expect(explainText(explained())).toStrictEqual([
      "Pipeline orders",
      "Source db (sqlite): reads 4 of 8 columns",
      "  reads id integer, status string, amount decimal, day date",
      "  leaves out at, rate, open, note (done by the source)",
      "  where status = 'it''s' (done by the source)",
      "  where amount > 50 (done by the engine)",
      "  SELECT id, status FROM orders",
      "Source file (csv): reads 4 of 8 columns",
      "  reads id integer, status string, amount decimal, day date",
      "  leaves out at, rate, open, note (done by the engine)",
      "  where status = 'it''s' (done by the engine)",
      "  where amount > 50 (done by the engine)",
      "Pass 1 of 4: 4 steps, generated code",
      "  1. filter: status = 'it''s' AND amount > 50 AND id / 2 > 1",
      "     → id integer, status string, amount decimal, day date, at timestamptz, rate double, open boolean, note string",
      "  2. map amounts: cents = amount * 100, day = day + 1",
      "     → id integer, status string, amount decimal, day date, at timestamptz, rate double, open boolean, note string, cents decimal",
      "  3. rename: id → ident",
      "     → ident integer, status string, amount decimal, day date, at timestamptz, rate double, open boolean, note string, cents decimal",
      "  4. select: ident, cents, day",
      "     → ident integer, cents decimal, day date",
      "Pass 2 of 4: 1 step, function",
      "  5. custom it: it",
      "     → columns are known when the first rows have gone through",
      "Pass 3 of 4: 1 step, function",
      "  6. custom: f of file:///project/steps.ts",
      "     → columns are known when the first rows have gone through",
      "Pass 4 of 4: 1 step, generated code",
      "  7. filter: cents > 1",
      "     → columns are known when the first rows have gone through",
      "Destination out (ndjson, replace): exactly once in effect",
    ])
  })

  test("is plain data for programs", () => {
    const explanation = explained("closure")
    expect(JSON.parse(JSON.stringify(explanation))).toStrictEqual(explanation)
    expect(explanation).toMatchObject({
      backend: "closure",
      passes: [{ steps: [0, 1, 2, 3], how: "closures" }, { steps: [4], how: "function" }, { steps: [5] }, { steps: [6] }],
      sources: [
        { pruning: "source", conditions: [{ condition: "status = 'it''s'", by: "source" }, { by: "engine" }] },
        { pruning: "engine" },
      ],
      steps: [{ index: 0 }, { name: "amounts" }, {}, { columns: [{ name: "ident", type: "integer" }, {}, {}] }, { columns: null }, {}, {}],
    })
  })

  test("of a pipeline without steps says what is read, and the limit", () => {
    const plan = planOf([], [schemaOf({ id: "integer" })], { limit: 1 })
    const lines = explainText(explainPlan({ pipeline: "p", plan, sources: [{ name: "s", type: "csv", notes: [] }], destinations: [] }))
    expect(lines).toStrictEqual(["Pipeline p", "Source s (csv): 1 column", "  reads id integer", "  at most 1 row"])
  })
})
