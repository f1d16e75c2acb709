/** `flatten` with `children`: lists of rows become rows of their own tables, and come back together by their keys. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  type ColumnType,
  createEngine,
  defineTransform,
  type DefinitionError,
  type PipelineDefinition,
  type Row,
  type RunError,
} from "../src/index.ts"
import { memoryStore } from "../src/store/memory.ts"
import { keepRows, type KeepOptions, type KeptRows, rowsSource } from "./memoryPlugins.ts"

type Children = NonNullable<Extract<NonNullable<PipelineDefinition["transforms"]>[number], { readonly children?: unknown }>["children"]>

const orders: ReadonlyArray<Row> = [
  { id: 1, who: "Ada", items: [{ sku: "a", amount: 1.5, tags: ["x", "y"] }, { sku: "b" }] },
  { id: 2, who: "Bob", items: [] },
  { id: 3, who: "Zoë", items: null },
  { id: 4, who: null, items: [{ sku: "c", amount: 2, tags: [] }] },
]

interface Case {
  readonly rows?: ReadonlyArray<Row>
  readonly columns?: Readonly<Record<string, ColumnType>>
  readonly children: Children
  readonly pipeline?: Partial<PipelineDefinition>
  readonly keep?: Readonly<Record<string, KeepOptions>>
  readonly batchSize?: number
}

const tablesOf = (children: Children): ReadonlyArray<string> => Object.keys(children)

const definition = (children: Children, more: Partial<PipelineDefinition> = {}, columns: Case["columns"] = {}): PipelineDefinition => ({
  name: "orders",
  sources: [{ type: "rows", columns }],
  transforms: [{ type: "flatten", children }],
  destinations: [{ type: "rows_of" }, ...tablesOf(children).map((table) => ({ type: `rows_of_${table}`, rows: table }))],
  ...more,
})

/** Runs the pipeline into one destination for each table. */
const run = async ({ rows = orders, columns = { items: "json" }, children, pipeline = {}, keep = {}, batchSize = 2 }: Case) => {
  const kept = new Map(
    ["", ...tablesOf(children)].map((table) => [table, keepRows({ type: table === "" ? "rows_of" : `rows_of_${table}`, ...keep[table] })]),
  )
  const letter = keepRows({ type: "letter" })
  await using engine = createEngine({ plugins: [rowsSource(rows), ...[...kept.values(), letter].map(({ destination }) => destination)] })
  const outcome = await engine.run(definition(children, pipeline, columns), { batchSize }).then(
    (result) => ({ result, error: undefined }),
    (error: unknown) => ({ result: undefined, error: error as RunError }),
  )
  return { ...outcome, rows: kept.get("")!.rows, of: (table: string) => kept.get(table)!.rows, kept, letter: letter.rows }
}

describe("flatten with children", () => {
  it("makes rows of the elements, with the key of their parent and their place, and takes the list out of the rows", async () => {
    const { rows, of, result } = await run({ children: { items: { key: "id" } } })
    expect(rows).toEqual([
      { id: 1, who: "Ada" },
      { id: 2, who: "Bob" },
      { id: 3, who: "Zoë" },
      { id: 4, who: null },
    ])
    expect(of("items")).toEqual([
      { _parent_id: 1, _index: 0, sku: "a", amount: 1.5, tags: ["x", "y"] },
      { _parent_id: 1, _index: 1, sku: "b", amount: null, tags: null },
      { _parent_id: 4, _index: 0, sku: "c", amount: 2, tags: [] },
    ])
    expect(result!.progress).toMatchObject({ read: 4, added: 3, loaded: 7, filtered: 0, rejected: 0 })
    expect(result!.progress.destinations.map(({ rows: count }) => count)).toEqual([4, 3])
    expect(result).toMatchObject({ rowsLoaded: 7 })
  })

  it("goes deeper: children of children know their parent by its key and place", async () => {
    const { of } = await run({ children: { tags: { of: "items" }, items: { key: "id" } } })
    expect(of("items")[0]).toEqual({ _parent_id: 1, _index: 0, sku: "a", amount: 1.5 })
    expect(of("tags")).toEqual([
      { _parent_parent_id: 1, _parent_index: 0, _index: 0, value: "x" },
      { _parent_parent_id: 1, _parent_index: 0, _index: 1, value: "y" },
    ])
  })

  it("takes other names, several keys, keys of the elements, and declared types", async () => {
    const { of } = await run({
      children: {
        lines: { column: "items", key: { id: "order_id", who: "customer" }, index: "line", columns: { amount: "decimal", note: "string" } },
        tags: { of: "lines", key: "sku" },
      },
      rows: orders.slice(0, 1),
    })
    expect(of("lines").map((row) => Object.keys(row))).toEqual(
      Array.from({ length: 2 }, () => ["order_id", "customer", "line", "sku", "amount", "note"]),
    )
    expect(of("lines")[0]!["amount"]?.constructor.name).toBe("Decimal")
    expect(of("tags")).toEqual([
      { _parent_sku: "a", _index: 0, value: "x" },
      { _parent_sku: "a", _index: 1, value: "y" },
    ])
  })

  it("takes array columns with the type of their elements, and scalars, nulls and objects beside each other", async () => {
    const rows = [
      { id: 1, days: ["2025-01-31", null], mixed: [1, null, { a: true }, { b: [1] }, {}] },
      { id: 2, days: null, mixed: [{ a: false, "🗝️": "emoji", constructor: 1 }] },
    ]
    const { of } = await run({ rows, columns: { days: "date[]", mixed: "json" }, children: { days: { key: "id" }, mixed: { key: "id" } } })
    expect(of("days")).toEqual([
      { _parent_id: 1, _index: 0, value: "2025-01-31" },
      { _parent_id: 1, _index: 1, value: null },
    ])
    const none = { value: null, a: null, b: null, "🗝️": null, constructor: null }
    expect(of("mixed")).toEqual([
      { _parent_id: 1, _index: 0, ...none, value: 1 },
      { _parent_id: 1, _index: 1, ...none },
      { _parent_id: 1, _index: 2, ...none, a: true },
      { _parent_id: 1, _index: 3, ...none, b: [1] },
      { _parent_id: 1, _index: 4, ...none },
      { _parent_id: 2, _index: 0, ...none, a: false, "🗝️": "emoji", constructor: 1 },
    ])
  })

  it("comes behind schema, filters and other steps: only rows that are loaded have children", async () => {
    const transforms = [
      { type: "filter", condition: "id <> 4" },
      { type: "flatten", children: { items: { key: "id" } } },
    ] as const
    const pipeline = {
      transforms,
      schema: { who: { enum: ["Bob", "Zoë"], on_violation: "reject" } },
      error_handling: { dead_letter: { type: "letter" } },
    } as const
    const { rows, of, letter, result } = await run({ children: { items: { key: "id" } }, pipeline })
    expect(rows.map(({ id }) => id)).toEqual([2, 3])
    expect(of("items")).toEqual([])
    expect(letter).toHaveLength(1)
    expect(result!.progress).toMatchObject({ read: 4, filtered: 1, rejected: 1, loaded: 2, added: 0 })
  })

  it("comes behind sort, and behind a step whose columns nobody knew", async () => {
    const later = defineTransform({ type: "later", row: (row) => row })
    const kept = [keepRows({ type: "main" }), keepRows({ type: "child" })] as const
    await using engine = createEngine({ plugins: [rowsSource(orders), later, ...kept.map(({ destination }) => destination)] })
    await engine.run({
      name: "orders",
      sources: [{ type: "rows" }],
      transforms: [{ type: "sort", by: "id", order: "desc" }, { type: "later" }, { type: "flatten", children: { items: { key: "id" } } }],
      destinations: [{ type: "main" }, { type: "child", rows: "items" }],
    })
    expect(kept[0].rows.map(({ id }) => id)).toEqual([4, 3, 2, 1])
    expect(kept[1].rows.map((row) => [row["_parent_id"], row["_index"]])).toEqual([
      [4, 0],
      [1, 0],
      [1, 1],
    ])
  })

  it("opens a child table's destination with its first rows, or at the end with what is known", async () => {
    const first = await run({ children: { items: { key: "id", columns: { sku: "string" } } }, rows: orders.slice(1, 3) })
    expect(first.error).toBeUndefined()
    expect(first.kept.get("items")!.commits).toHaveLength(1)
    expect(first.of("items")).toEqual([])
  })

  it("takes a list of a hundred thousand", async () => {
    const items = Array.from({ length: 100_000 }, (_, i) => ({ n: i }))
    const { of, result } = await run({ rows: [{ id: 1, items }], children: { items: { key: "id" } } })
    expect(of("items")).toHaveLength(100_000)
    expect(of("items").at(-1)).toEqual({ _parent_id: 1, _index: 99_999, n: 99_999 })
    expect(result!.progress.added).toBe(100_000)
  })
})

describe("rows that cannot be taken apart", () => {
  const bad: ReadonlyArray<[string, Row, string]> = [
    ["an object where a list belongs", { items: { sku: "x" } }, 'row 2, column items: "{\\"sku\\":\\"x\\"}" is no JSON array'],
    [
      "an element with the key of its parent",
      { items: [{ _parent_id: 9 }] },
      "row 2, column items: an element has the key `_parent_id`, which the child table uses itself",
    ],
    [
      "an element with a place of its own",
      { items: [{ _index: 9 }] },
      "an element has the key `_index`, which the child table uses itself",
    ],
    [
      "a parent without a key",
      { id: null, items: [{ sku: "x" }] },
      "row 2, column id: it is null, and is the key of 1 rows of the child table `items`",
    ],
    [
      "a value of another type",
      { items: [{ sku: "x" }, { sku: 5 }] },
      "row 2, column items.sku: the step gave 5, and the column is string",
    ],
    ["a list within a list that is none", { items: [{ sku: "x", tags: "y" }] }, 'row 2, column tags: "y" is no JSON array'],
  ]
  const children = { items: { key: "id" }, tags: { of: "items" } } as const
  const around = (row: Row): ReadonlyArray<Row> => [orders[0]!, { id: 9, who: "x", ...row }, orders[3]!]

  it.each(bad)("end the run and name the row: %s", async (_, row, message) => {
    const { error, rows, of } = await run({ rows: around(row), children, batchSize: 3 })
    expect(error?.message).toContain("orders / transforms[0] (flatten): ")
    expect(error?.message.replaceAll('\\"', '"')).toContain(message.replaceAll('\\"', '"'))
    expect([rows, of("items"), of("tags")]).toEqual([[], [], []])
  })

  it.each(bad)("are set aside with all of their children where rows are skipped: %s", async (_, row) => {
    const pipeline = { error_handling: { strategy: "skip", dead_letter: { type: "letter" } } } as const
    const { error, rows, of, letter, result } = await run({ rows: around(row), children, pipeline, batchSize: 3 })
    expect(error).toBeUndefined()
    expect(rows.map(({ id }) => id)).toEqual([1, 4])
    expect(of("items").map(({ sku }) => sku)).toEqual(["a", "b", "c"])
    expect(of("tags").map(({ value }) => value)).toEqual(["x", "y"])
    expect(letter).toMatchObject([{ row_number: 2, step: "flatten" }])
    expect(result!.progress).toMatchObject({ read: 3, rejected: 1, loaded: 7, added: 5, filtered: 0 })
  })
})

describe("a definition with child tables", () => {
  const issuesOf = async (definitionOf: PipelineDefinition): Promise<string> => {
    const plugins = [rowsSource(orders), ...["rows_of", "rows_of_items", "rows_of_tags"].map((type) => keepRows({ type }).destination)]
    await using engine = createEngine({ plugins })
    const error: unknown = await engine.validate(definitionOf).catch((cause: unknown) => cause)
    return (error as DefinitionError).issues.map(({ path, message }) => `${path}: ${message}`).join("\n")
  }

  it.each<[string, PipelineDefinition, string]>([
    [
      "a child table that nobody takes",
      definition({ items: { key: "id" } }, { destinations: [{ type: "rows_of" }] }),
      "transforms[0].children.items: no destination takes the child table `items`, so its rows would be lost.",
    ],
    [
      "rows that nobody takes",
      definition({ items: { key: "id" } }, { destinations: [{ type: "rows_of", rows: "items" }] }),
      "destinations: all destinations take child tables, so the rows themselves would be lost.",
    ],
    [
      "a destination of a table that is not there",
      definition(
        { items: { key: "id" } },
        { destinations: [{ type: "rows_of" }, { type: "rows_of_items", rows: "item" }, { type: "rows_of_tags", rows: "items" }] },
      ),
      "destinations[1].rows: there is no child table `item`. Did you mean `items`?",
    ],
    ["a table without a key", definition({ items: {} }), "transforms[0].children.items.key: the key `key` is missing."],
    [
      "a table of one that is not there",
      definition({ items: { key: "id" }, tags: { of: "itms" } }),
      "transforms[0].children.tags.of: there is no child table `itms`. Did you mean `items`?",
    ],
    [
      "tables within each other",
      definition({ items: { of: "tags" }, tags: { of: "items" } }),
      "transforms[0].children.items.of: the child table `items` lies within itself.",
    ],
    [
      "two columns of one name",
      definition({ items: { key: { id: "n" }, index: "n" } }),
      "transforms[0].children.items: the child table `items` would have two columns `n`.",
    ],
    [
      "two tables of one list",
      definition({ items: { key: "id" }, tags: { column: "items", key: "id" } }),
      "transforms[0].children.tags: the child table `items` is made of the list `items` too.",
    ],
    [
      "a step behind it",
      definition(
        { items: { key: "id" } },
        {
          transforms: [
            { type: "flatten", children: { items: { key: "id" } } },
            { type: "filter", condition: "id > 1" },
          ],
        },
      ),
      "transforms[0].children: `flatten` with `children` is not the last step",
    ],
    [
      "neither column nor children",
      definition({}, { transforms: [{ type: "flatten" }] }),
      "transforms[0].column: the key `column` is missing.",
    ],
    [
      "both",
      definition({ items: { key: "id" } }, { transforms: [{ type: "flatten", column: "who", children: { items: { key: "id" } } }] }),
      "transforms[0].column: `column` and `children` do not go together.",
    ],
    [
      "a dead letter of a child table",
      definition({ items: { key: "id" } }, { error_handling: { strategy: "skip", dead_letter: { type: "rows_of", rows: "items" } } }),
      "error_handling.dead_letter.rows: rejected rows are those of no child table.",
    ],
  ])("says what is wrong: %s", async (_, written, message) => {
    expect(await issuesOf(written)).toContain(message)
  })

  it.each<[string, Children, string]>([
    ["no such list", { itms: { key: "id" } }, "there is no column `itms`"],
    ["no list", { who: { key: "id" } }, "`who` is string, and a child table takes an array or JSON."],
    ["no such key", { items: { key: "idd" } }, "there is no column `idd`"],
    ["a key that is a list", { items: { key: "items" } }, "`items` becomes a child table itself, so it cannot tell rows apart."],
  ])("says what does not fit the columns, before a row is read: %s", async (_, children, message) => {
    const { error } = await run({ children })
    expect(error?.message.toLowerCase()).toContain(message.toLowerCase())
  })
})

describe("child tables and checkpoints", () => {
  it("loses and repeats nothing in any table where a write or a commit fails", async () => {
    const many = Array.from({ length: 12 }, (_, i): Row => ({ id: i + 1, items: Array.from({ length: i % 4 }, (_unused, n) => ({ n })) }))
    const expected = many.flatMap(({ id, items }) =>
      (items as ReadonlyArray<Row>).map(({ n }, place) => ({ _parent_id: id, _index: place, n })),
    )
    const failure = fc.record({ table: fc.constantFrom("", "items"), at: fc.nat(12) })
    const property = fc.asyncProperty(fc.array(failure, { maxLength: 3 }), fc.integer({ min: 1, max: 5 }), async (failures, batchSize) => {
      const left = [...failures]
      const writes = { "": 0, items: 0 }
      const dies = (table: "" | "items"): void => {
        const next = left[0]
        if (next?.table !== table || writes[table]++ < next.at) return
        left.shift()
        throw new Error("down")
      }
      const keep = (table: "" | "items", type: string): KeptRows => keepRows({ type, commitsEarly: true, onWrite: () => dies(table) })
      const [main, items] = [keep("", "rows_of"), keep("items", "rows_of_items")]
      await using engine = createEngine({ plugins: [rowsSource(many), main.destination, items.destination], store: memoryStore() })
      const pipeline = definition(
        { items: { key: "id" } },
        {
          sources: [{ type: "rows", batch_size: batchSize, incremental: true, columns: { items: "json" } }],
          destinations: [
            { type: "rows_of", flush_interval: 0 },
            { type: "rows_of_items", rows: "items", flush_interval: 0 },
          ],
        },
      )
      for (let i = 0; i <= failures.length; i++)
        await engine.run(pipeline).catch((error: unknown) => expect(String(error)).toContain("down"))
      await engine.run(pipeline)
      expect(main.rows).toEqual(many.map(({ id }) => ({ id })))
      expect(items.rows).toEqual(expected)
    })
    await fc.assert(property, { numRuns: 40 })
  })
})

describe("parents and children, joined again", () => {
  const scalar = fc.oneof(fc.integer(), fc.boolean(), fc.constant(null))
  const key = fc.constantFrom("a", "b", "🗝️", "constructor", "value")
  /** Each key has one type, as columns have. */
  const element = fc
    .dictionary(key, fc.nat(), { maxKeys: 3 })
    .chain((fields) => fc.record({ fields: fc.constant(fields), parts: fc.option(fc.array(fc.option(fc.integer()), { maxLength: 3 })) }))
    .map(({ fields, parts }) => ({ ...fields, parts }))
  const rowsOf = fc.array(fc.record({ note: scalar, items: fc.option(fc.array(fc.option(element), { maxLength: 4 })) }), { maxLength: 8 })

  it("are the nested rows, for any rows and any cutting into batches", async () => {
    const property = fc.asyncProperty(rowsOf, fc.integer({ min: 1, max: 9 }), async (nested, batchSize) => {
      const rows = nested.map((row, id): Row => ({ id, ...row, note: String(row.note) }))
      const {
        rows: parents,
        of,
        error,
      } = await run({
        rows,
        batchSize,
        columns: { id: "integer", note: "string", items: "json" },
        children: { items: { key: "id" }, parts: { of: "items" } },
      })
      expect(error).toBeUndefined()
      const partsOf = (id: unknown, place: unknown) =>
        of("parts").filter((part) => part["_parent_parent_id"] === id && part["_parent_index"] === place)
      const joined = parents.map((parent) => ({
        ...parent,
        items: of("items")
          .filter((item) => item["_parent_id"] === parent["id"])
          .map(({ _parent_id: id, _index: place, ...item }) =>
            filled({ ...item, parts: partsOf(id, place).map(({ value = null }) => value) }),
          ),
      }))
      const expected = rows.map((row) => ({
        ...row,
        items: ((row["items"] ?? []) as ReadonlyArray<Row | null>).map((item) => filled({ parts: [], ...item })),
      }))
      expect(joined).toEqual(expected)
      for (const table of ["items", "parts"]) {
        const places = of(table).map((row) =>
          Object.entries(row)
            .filter(([name]) => name.startsWith("_parent"))
            .concat([["_index", row["_index"]]]),
        )
        expect(new Set(places.map((place) => JSON.stringify(place))).size).toBe(places.length)
      }
    })
    await fc.assert(property, { numRuns: 50 })
  })

  it("is shown by explain and preview with its columns and first rows", async () => {
    const children = { items: { key: "id" }, tags: { of: "items", columns: { value: "string" } } } as const
    const kept = ["rows_of", "rows_of_items", "rows_of_tags"].map((type) => keepRows({ type }).destination)
    await using engine = createEngine({ plugins: [rowsSource(orders), ...kept] })
    const pipeline = definition(children, {}, { id: "integer", who: "string", items: "json" })
    const { steps } = await engine.explain(pipeline)
    expect(steps[0]!.children).toEqual([
      {
        name: "items",
        columns: [
          { name: "_parent_id", type: "integer", nullable: false },
          { name: "_index", type: "integer", nullable: false },
        ],
        grows: true,
      },
      {
        name: "tags",
        columns: [
          { name: "_parent_parent_id", type: "integer", nullable: false },
          { name: "_parent_index", type: "integer", nullable: false },
          { name: "_index", type: "integer", nullable: false },
          { name: "value", type: "string", nullable: true },
        ],
        grows: false,
      },
    ])
    const { rows, children: shown } = await engine.preview(pipeline, { limit: 2 })
    expect(rows).toEqual([
      { id: 1, who: "Ada" },
      { id: 2, who: "Bob" },
    ])
    expect(shown.map(({ name, rows: some }) => [name, some])).toEqual([
      [
        "items",
        [
          { _parent_id: 1, _index: 0, sku: "a", amount: 1.5 },
          { _parent_id: 1, _index: 1, sku: "b", amount: null },
        ],
      ],
      [
        "tags",
        [
          { _parent_parent_id: 1, _parent_index: 0, _index: 0, value: "x" },
          { _parent_parent_id: 1, _parent_index: 0, _index: 1, value: "y" },
        ],
      ],
    ])
    expect((await engine.preview(pipeline, { step: 0 })).children).toEqual([])
  })

  /** Null, missing and an empty list are one: a table does not tell them apart. */
  const filled = (item: Row): Row =>
    Object.fromEntries(
      Object.entries({ ...item, parts: item["parts"] ?? [] })
        .filter(([, value]) => value !== null && value !== undefined)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    )
})
