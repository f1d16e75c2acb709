/** Steps in SQL within pipelines: what their tables are, what comes out, how it is counted. */
import { describe, expect, it } from "vitest"
import { runSql, type Setting } from "./harness.ts"

const orders = [
  { id: 1, country: "it", amount: 10 },
  { id: 2, country: "fr", amount: 20 },
  { id: 3, country: "it", amount: 30 },
]
const countries = [
  { code: "it", name: "Italy" },
  { code: "fr", name: "France" },
]

const sql = (query: string, name?: string) => ({ type: "sql", query, ...(name === undefined ? {} : { name }) }) as const

const rowsOf = async (setting: Setting) => (await runSql(setting)).rows

describe("the tables of a query", () => {
  it("are the rows that arrive, as `input`", async () => {
    const transforms = [
      { type: "filter", condition: "amount < 30" },
      sql("SELECT country, amount * 2 AS twice FROM input ORDER BY id DESC"),
      { type: "map", fields: { more: "twice + 1" } },
    ] as const
    expect(await rowsOf({ sources: { orders }, transforms })).toEqual([
      { country: "fr", twice: 40, more: 41 },
      { country: "it", twice: 20, more: 21 },
    ])
  })

  it("are sources by their names, whose rows then do not stand with the others", async () => {
    const transforms = [sql("SELECT o.id, c.name FROM input o JOIN Countries c ON c.code = o.country ORDER BY o.id")]
    const { rows, result } = await runSql({ sources: { orders, countries }, transforms })
    expect(rows).toEqual([
      { id: 1, name: "Italy" },
      { id: 2, name: "France" },
      { id: 3, name: "Italy" },
    ])
    expect(result).toMatchObject({ rowsExtracted: 5, rowsLoaded: 3, rowsFiltered: 2 })
  })

  it("are all sources, where the query is the first step", async () => {
    const transforms = [
      sql("SELECT c.name, sum(o.amount)::BIGINT AS total FROM orders o JOIN countries c ON c.code = o.country GROUP BY ALL ORDER BY total"),
    ]
    expect(await rowsOf({ sources: { orders, countries }, transforms })).toEqual([
      { name: "France", total: 20 },
      { name: "Italy", total: 40 },
    ])
  })

  it("are the only source as it was read, beside the rows that arrive", async () => {
    const transforms = [
      { type: "filter", condition: "amount > 10" },
      sql("SELECT (SELECT count(*) FROM orders) AS read, count(*) AS kept, sum(amount)::BIGINT AS total FROM input"),
    ] as const
    const { rows, result } = await runSql({ sources: { orders }, transforms })
    expect(rows).toEqual([{ read: 3, kept: 2, total: 50 }])
    expect(result).toMatchObject({ rowsExtracted: 3, rowsLoaded: 1, rowsFiltered: 2 })
  })

  it("are earlier steps, by name and by count, from both sides of a step that needs all rows", async () => {
    const transforms = [
      { type: "filter", name: "large", condition: "amount >= 20" },
      { type: "map", fields: { half: "amount / 2" } },
      { type: "aggregate", group_by: "country", metrics: { sum: "SUM(half)" } },
      { type: "sort", by: "country" },
      sql(
        "SELECT (SELECT count(*) FROM large) AS a, (SELECT max(half) FROM step_2) AS b, (SELECT count(*) FROM step_3) AS c, (SELECT min(country) FROM input) AS d, (SELECT max(country) FROM STEP_4) AS e",
      ),
    ] as const
    expect(await rowsOf({ sources: { orders }, transforms })).toEqual([{ a: 2, b: 15, c: 2, d: "fr", e: "it" }])
  })

  it("are hidden by what WITH names", async () => {
    const transforms = [sql("WITH orders AS (SELECT id FROM input WHERE id > 1), t AS (SELECT * FROM orders) SELECT * FROM t ORDER BY id")]
    expect(await rowsOf({ sources: { orders }, transforms })).toEqual([{ id: 2 }, { id: 3 }])
  })

  it("may be none", async () => {
    const { rows, result } = await runSql({ sources: { orders }, transforms: [sql("SELECT i FROM range(3) t(i)")] })
    expect(rows).toEqual([{ i: 0 }, { i: 1 }, { i: 2 }])
    expect(result).toMatchObject({ rowsExtracted: 3, rowsLoaded: 3 })
  })

  it("work for one query behind another", async () => {
    const transforms = [
      sql("SELECT * FROM input WHERE id < 3", "few"),
      sql("SELECT sum(amount)::BIGINT AS s, (SELECT count(*) FROM orders) AS n FROM few"),
    ]
    expect(await rowsOf({ sources: { orders }, transforms })).toEqual([{ s: 30, n: 3 }])
  })
})
