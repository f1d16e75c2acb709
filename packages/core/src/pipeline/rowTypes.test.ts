import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { compile } from "../../test/pipeline/compile.ts"
import { type ColumnSchema, type ColumnType, scalarTypes } from "../model/ColumnType.ts"
import type { Explanation } from "./explain.ts"
import { rowTypes, rowTypesHeader } from "./rowTypes.ts"

const column = (name: string, type: ColumnType, nullable = true): ColumnSchema => ({ name, type, nullable })

interface Shape {
  readonly pipeline: string
  readonly sources: Readonly<Record<string, ReadonlyArray<ColumnSchema>>>
  readonly columns: ReadonlyArray<ColumnSchema> | null
}

const explained = ({ pipeline, sources, columns }: Shape): Explanation => ({
  pipeline,
  backend: "code",
  sources: Object.entries(sources).map(([name, schema]) => ({
    name,
    type: "csv",
    columns: schema,
    read: [],
    pruned: [],
    pruning: "engine",
    conditions: [],
    limit: null,
    notes: [],
  })),
  passes: [],
  steps: columns === null ? [{ index: 0, type: "custom", name: null, what: "", columns: null }] : [],
  columns,
  destinations: [],
})

/** Every type, as a scalar and in an array, with nulls and without. */
const everyType = scalarTypes.flatMap((type) => [
  column(type, type, false),
  column(`${type} or null`, type),
  column(`${type}s`, `${type}[]`, false),
  column(`${type}s or null`, `${type}[]`),
])

const oddNames = [
  "first name",
  "class",
  "ünïcode",
  "😀",
  "a\"b'`\\",
  "new\nline",
  "\u2028",
  "\uD800",
  "__proto__",
  "1",
  "",
  "*/",
  "${x}",
  "constructor",
]

/** What the compiler says of code behind the text; empty where it is right. */
const compiled = (text: string, code: string): ReadonlyArray<string> =>
  [...compile({ "rows.ts": text, "use.ts": code })].map(([file, message]) => `${file}: ${message}`)

describe("rowTypes", () => {
  it("gives the columns of sources and destinations, and the row as JavaScript sees it", () => {
    const { text, pipelines } = rowTypes([
      explained({
        pipeline: "shop-orders",
        sources: { "orders db": [column("id", "integer", false), column("paid at", "timestamptz"), column("total", "decimal")] },
        columns: [column("id", "integer", false), column("tags", "string[]")],
      }),
    ])
    expect(text).toBe(`${rowTypesHeader}
import type { Decimal } from "@deltaflow/core"

/** Columns of the rows of the source orders db (csv) of shop-orders, for \`typedSource\`. */
export const shopOrdersOrdersDbColumns = {
  id: "integer",
  "paid at": "timestamptz",
  total: "decimal",
} as const

/** One of the rows of the source orders db (csv) of shop-orders. */
export type ShopOrdersOrdersDbRow = {
  readonly id: number | bigint
  readonly "paid at": string | null
  readonly total: Decimal | null
}

/** Columns of the rows that the destinations of shop-orders get, for \`typedDestination\`. */
export const shopOrdersColumns = {
  id: "integer",
  tags: "string[]",
} as const

/** One of the rows that the destinations of shop-orders get. */
export type ShopOrdersRow = {
  readonly id: number | bigint
  readonly tags: ReadonlyArray<string | null> | null
}
`)
    expect(pipelines).toEqual([
      {
        pipeline: "shop-orders",
        sources: [{ source: "orders db", columns: "shopOrdersOrdersDbColumns", row: "ShopOrdersOrdersDbRow" }],
        rows: { columns: "shopOrdersColumns", row: "ShopOrdersRow" },
      },
    ])
  })

  it("compiles for every type and any name, into what the row types of the library are", () => {
    const columns = [...everyType, ...oddNames.map((name) => column(name, "string"))]
    const { text } = rowTypes([explained({ pipeline: "a", sources: { b: columns.map((one) => ({ ...one, nullable: true })) }, columns })])
    const code = `
import { type ColumnsOf, pipeline, type Row, type RowOf, typedDestination, typedSource, typedTransform } from "@deltaflow/core"
import { aBColumns, type ABRow, aColumns, type ARow } from "./rows.ts"
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const nullable: Same<ABRow, RowOf<typeof aBColumns>> = true
const never: Extract<ARow["integer"] | ARow["integers"] | ARow["decimal"] | ARow["interval"] | ARow["bytes"], null> = null! as never
const row: Row = null! as ARow
const wider: RowOf<typeof aColumns> = null! as ARow
const same = typedTransform({ type: "t", takes: aBColumns, row: (given: ABRow) => [given] })
const source = typedSource({ type: "csv", path: "a.csv" }, aBColumns)
pipeline({ name: "a", sources: [source], destinations: [typedDestination({ type: "json", path: "b.json" }, aColumns)] })
const some = pipeline({ name: "a", sources: [source], destinations: [{ type: "json", path: "b.json" }], transforms: [
  { type: "select", columns: ["first name", "__proto__", "😀", "", "class", "json", "dates or null"] }] })
const proto: Same<ColumnsOf<typeof some>["__proto__"], "string"> = true
const values: [integer: bigint | number, json: unknown] = [null! as ARow["integer"], null! as ARow["json"]]
`
    expect(compiled(text, code)).toEqual([])
  })

  it("keeps every name as a key when the program runs", async () => {
    const columns = oddNames.map((name) => column(name, "string"))
    const { text } = rowTypes([explained({ pipeline: "a", sources: {}, columns })])
    const script = text.replaceAll(" as const", "").replace(/^export type [\s\S]*?^\}/gm, "")
    const module = (await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(script)}`)) as {
      aColumns: Record<string, string>
    }
    expect(Object.keys(module.aColumns).toSorted()).toEqual(oddNames.toSorted())
  })

  it("names everything once, whatever the names are", () => {
    const name = fc.string({ unit: fc.constantFrom(..."aAbB1_- .é😀*/".split("")), minLength: 1, maxLength: 6 })
    const pipelineName = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,5}$/)
    const shapes = fc.uniqueArray(
      fc.record({
        pipeline: pipelineName,
        sources: fc.dictionary(name, fc.constant([column("id", "integer")]), { maxKeys: 4 }),
        columns: fc.constantFrom(null, []),
      }),
      {
        selector: ({ pipeline }) => pipeline,
        maxLength: 5,
      },
    )
    fc.assert(
      fc.property(shapes, (given) => {
        const { text, pipelines } = rowTypes(given.map(explained))
        const names = pipelines
          .flatMap(({ sources, rows }) => [...sources, rows])
          .flatMap(({ columns, row }) => (columns === null ? [row] : [columns, row]))
        expect(new Set(names).size).toBe(names.length)
        for (const one of names) expect(one).toMatch(/^[\p{ID_Start}_]\p{ID_Continue}*$/u)
        expect([...text.matchAll(/^export (?:const|type) (\S+) =/gm)].map(([, one]) => one!).toSorted()).toEqual(names.toSorted())
        expect(rowTypes(given.toReversed().map(explained)).text).toBe(text)
      }),
    )
  })

  it("compiles for names that would be the same", () => {
    const id = [column("id", "integer")]
    const { text } = rowTypes([
      explained({ pipeline: "a-b", sources: { c: id, "😀": id, "/** x */": id }, columns: id }),
      explained({ pipeline: "a_b", sources: { c: id, "C*/\nthrow": id }, columns: [] }),
      explained({ pipeline: "a", sources: { "b-c": id, b: id }, columns: id }),
      explained({ pipeline: "2025", sources: {}, columns: id }),
    ])
    expect(
      compiled(text, `import type { AB_2Row, ABRow, _2025Row } from "./rows.ts"\nexport type All = ABRow | AB_2Row | _2025Row\n`),
    ).toEqual([])
  })

  it("says where the columns behind the last step are not known", () => {
    const { text, pipelines } = rowTypes([explained({ pipeline: "a", sources: {}, columns: null })])
    expect(text).toContain("known only when rows have gone through step 1. */\nexport type ARow = Row\n")
    expect(pipelines[0]!.rows).toEqual({ columns: null, row: "ARow" })
    expect(compiled(text, `import type { ARow } from "./rows.ts"\nexport const row: ARow = { any: 1 }\n`)).toEqual([])
  })

  it("gives a module also for nothing", () => {
    expect(compiled(rowTypes([]).text, "export {}\n")).toEqual([])
  })
})
