/** The types that `explain` tells after each step are those that the rows have there, and what it calls not null never is. */
import { afterAll, describe, expect, it } from "vitest"
import { createEngine, defineTransform, explainText, type PipelineDefinition, type StepDefinition } from "../src/index.ts"
import { keepRows, rowsSource } from "./memoryPlugins.ts"

const columns = {
  id: "integer",
  land: "string",
  price: "decimal",
  ratio: "double",
  born: "date",
  seen: "timestamptz",
  tags: "string[]",
  doc: "json",
} as const

const rows = [
  {
    id: 1,
    land: "de",
    price: "9.50",
    ratio: 0.5,
    born: "1989-01-31",
    seen: "2025-01-31T04:05:06Z",
    tags: ["a", "b"],
    doc: { a: 1, b: "x" },
  },
  { id: 2, land: null, price: null, ratio: null, born: null, seen: null, tags: null, doc: null },
  { id: 3, land: "fr", price: "1", ratio: 2, born: "2001-12-01", seen: "2025-02-01T00:00:00Z", tags: ["c", null], doc: { a: 2 } },
  { id: null, land: "de", price: "0.1", ratio: -1, born: "1970-01-01", seen: "1970-01-01T00:00:00Z", tags: [], doc: {} },
]

const lands = [
  { code: "de", id: 7, big: true },
  { code: "it", id: 8, big: null },
]

const opaque = defineTransform({ type: "opaque", row: (row) => [{ all: JSON.stringify(Object.keys(row)) }] })

const engine = createEngine({
  plugins: [rowsSource(rows), rowsSource(lands, "lands"), keepRows().destination, opaque],
  loadModule: async () => ({ default: ({ id }: { readonly id: number | null }) => ({ next: Number(id) + 1 }) }),
  projectRoot: import.meta.dirname,
})
afterAll(() => engine.close())

const definition = (transforms: ReadonlyArray<StepDefinition>, schema: PipelineDefinition["schema"] = {}): PipelineDefinition => ({
  name: "a",
  sources: [
    { type: "rows", columns },
    ...(transforms.some(({ type }) => type === "join")
      ? [{ type: "lands", name: "lands", columns: { code: "string", id: "integer", big: "boolean" } } as const]
      : []),
  ],
  transforms,
  schema,
  destinations: [{ type: "keep" }],
})

/** `id integer not null, …` after each step, as explained; each held against the rows of a preview. */
const explained = async (
  transforms: ReadonlyArray<StepDefinition>,
  schema?: PipelineDefinition["schema"],
): Promise<ReadonlyArray<string>> => {
  const whole = definition(transforms, schema)
  const { steps, columns: last } = await engine.explain(whole)
  expect(last).toEqual(steps.at(-1)!.columns)
  for (const { index, columns: told } of steps) {
    if (told === null) continue
    const preview = await engine.preview(whole, { step: index + 1, limit: 100 })
    expect(preview.schema.columns.map(({ name, type }) => [name, type])).toEqual(told.map(({ name, type }) => [name, type]))
    const filled = told.filter(({ nullable }) => !nullable).map(({ name }) => name)
    expect(preview.rows.filter((row) => filled.some((name) => row[name] === null || row[name] === undefined))).toEqual([])
  }
  return steps.map(({ columns: told }) =>
    told === null ? "not known" : told.map(({ name, type, nullable }) => `${name} ${type}${nullable ? "" : " not null"}`).join(", "),
  )
}

const ALL = "id integer, land string, price decimal, ratio double, born date, seen timestamptz, tags string[], doc json"

describe("explain tells the columns after each step", () => {
  it("that goes from row to row", async () => {
    expect(
      await explained([
        { type: "filter", condition: "id is not null" },
        { type: "select", columns: ["land", "id", "price", "born", "seen"] },
        {
          type: "map",
          fields: {
            id: "coalesce(id, 0)",
            year: "extract(year from born)",
            later: "seen + interval '1 day'",
            text: "land || '!'",
            one: "1",
            old: "born < date '1980-01-01'",
          },
        },
        { type: "rename", columns: { land: "country", id: "key" } },
      ]),
    ).toEqual([
      ALL,
      "land string, id integer, price decimal, born date, seen timestamptz",
      "land string, id integer not null, price decimal, born date, seen timestamptz, year decimal, later timestamptz, text string, " +
        "one integer not null, old boolean",
      "country string, key integer not null, price decimal, born date, seen timestamptz, year decimal, later timestamptz, text string, " +
        "one integer not null, old boolean",
    ])
  })

  it("that needs all rows", async () => {
    expect(
      await explained([
        { type: "sort", by: "price" },
        { type: "deduplicate", key: "id", keep: "latest", by: "seen" },
        { type: "aggregate", group_by: "land", metrics: { rows: "count(*)", total: "sum(id)", mean: "avg(ratio)", tags: "array_agg(id)" } },
        { type: "aggregate", metrics: { most: "max(total)", lands: "count(land)" } },
      ]),
    ).toEqual([
      ALL,
      ALL,
      "land string, rows integer not null, total decimal, mean double, tags integer[]",
      "most decimal, lands integer not null",
    ])
  })

  it.each([
    ["inner", `${ALL}, lands_id integer, big boolean`],
    ["left", `${ALL}, lands_id integer, big boolean`],
    ["right", `${ALL}, lands_id integer, big boolean`],
    ["full", `${ALL}, lands_id integer, big boolean`],
    ["semi", ALL],
    ["anti", ALL],
  ] as const)("of an %s join", async (how, after) => {
    expect(await explained([{ type: "join", with: "lands", on: { land: "code" }, how }])).toEqual([after])
  })

  it("of a join whose rows may have no partner: then also what was never null may be", async () => {
    const made = { type: "map", fields: { id: "coalesce(id, 0)" } } as const
    const [, left] = await explained([made, { type: "join", with: "lands", on: { land: "code" }, how: "left" }])
    expect(left).toContain("id integer not null")
    const [, full] = await explained([made, { type: "join", with: "lands", on: { land: "code" }, how: "full" }])
    expect(full).not.toContain("not null")
  })

  it("that takes apart what is nested, and of a schema's rules", async () => {
    const taken = await explained(
      [
        { type: "filter", condition: "id is not null" },
        { type: "unnest", column: "tags", as: "tag" },
        { type: "select", columns: ["id", "tag", "born"] },
      ],
      { id: { type: "integer", required: true, min: 0 }, born: { type: "date" } },
    )
    expect(taken).toEqual([
      ALL,
      ALL.replace("tags string[]", "tag string"),
      "id integer, tag string, born date",
      "id integer not null, tag string, born date",
    ])
    expect(
      await explained([
        { type: "flatten", column: "doc" },
        { type: "filter", condition: "true" },
      ]),
    ).toEqual(["not known", "not known"])
  })

  it("of a function, where it declares what it changes", async () => {
    const next = { type: "custom", module: "./memoryPlugins.ts", mode: "patch", columns: { next: "integer" } } as const
    expect(await explained([{ type: "select", columns: ["id"] }, next, { type: "map", fields: { after: "next + 1" } }])).toEqual([
      "id integer",
      "id integer, next integer",
      "id integer, next integer, after integer",
    ])
    expect(
      await explained([{ type: "select", columns: ["id", "land"] }, { type: "opaque" }, { type: "select", columns: ["all"] }]),
    ).toEqual(["id integer, land string", "not known", "not known"])
    const lines = explainText(await engine.explain(definition([{ type: "opaque" }])))
    expect(lines).toContain("     → columns are known when the first rows have gone through")
  })

  it("and says nothing of columns that no row has shown yet", async () => {
    const none = definition([{ type: "filter", condition: "id > 100" }, { type: "opaque" }])
    expect(await engine.preview(none)).toEqual({ schema: { columns: [] }, rows: [], children: [] })
    const known = await engine.preview(none, { step: 1 })
    expect(known.schema.columns.map(({ name }) => name)).toEqual(Object.keys(columns))
  })
})
