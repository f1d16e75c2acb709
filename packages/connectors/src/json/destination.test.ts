import { readdirSync } from "node:fs"
import { Batch, Decimal } from "@deltaflow/core"
import { describe, expect, it } from "vitest"
import { loadAll, projectFolder, readAll, text } from "../../test/harness.ts"
import { jsonDestination, jsonSource } from "./index.ts"

const rows = [
  { id: 1, nested: { a: [1, {}] } },
  { id: 2, nested: null },
]
const batch = Batch.fromRows(rows)

describe("a JSON file", () => {
  it("is an array with a row per line", async () => {
    const root = projectFolder()
    await loadAll(jsonDestination, { path: "a.json" }, [batch, batch], { root })
    expect(text(root, "a.json")).toBe(
      '[\n{"id":1,"nested":{"a":[1,{}]}},\n{"id":2,"nested":null},\n{"id":1,"nested":{"a":[1,{}]}},\n{"id":2,"nested":null}\n]\n',
    )
  })

  it("is laid out as JSON.stringify does it where it is pretty", async () => {
    const root = projectFolder()
    const { load } = await loadAll(jsonDestination, { path: "a.json", pretty: true }, [batch, batch], { root })
    expect(text(root, "a.json")).toBe(`${JSON.stringify([...rows, ...rows], null, 2)}\n`)
    expect(load.commitsEarly).toBe(false)
    expect(load.label).toBe("a.json")
  })

  it("is an empty array without rows, whether no batch came or only empty ones", async () => {
    for (const pretty of [false, true]) {
      for (const batches of [[], [batch.slice(0, 0)]]) {
        const root = projectFolder()
        await loadAll(jsonDestination, { path: "a.json", pretty }, batches, { root })
        expect(text(root, "a.json")).toBe("[]\n")
      }
    }
  })

  it("takes rows that were encoded elsewhere, and rows with other columns", async () => {
    const root = projectFolder()
    await loadAll(jsonDestination, { path: "a.json" }, [batch, batch], { root, encoded: true })
    expect(JSON.parse(text(root, "a.json"))).toEqual([...rows, ...rows])
    await loadAll(jsonDestination, { path: "a.json" }, [batch, Batch.fromRows([{ id: 3, more: true }])], { root })
    expect(JSON.parse(text(root, "a.json"))).toEqual([...rows, { id: 3, more: true }])
  })

  it("keeps numbers exact on their way through", async () => {
    const content = '[{"id":9007199254740993,"price":1234567890.12345678901234567890}]'
    const root = projectFolder({ "in.json": content })
    const { batches } = await readAll(jsonSource, { path: "in.json" }, { root })
    expect(batches[0]!.toRows()).toEqual([{ id: 9007199254740993n, price: Decimal.parse("1234567890.12345678901234567890") }])
    await loadAll(jsonDestination, { path: "out.json" }, batches, { root })
    expect(text(root, "out.json")).toBe(`[\n${content.slice(1, -1)}\n]\n`)
    const computed = batches[0]!.withColumns(batches[0]!.schema, Batch.fromRows(batches[0]!.toRows(), batches[0]!.schema).columns)
    await loadAll(jsonDestination, { path: "out.json" }, [computed], { root })
    expect(text(root, "out.json")).toBe(`[\n${content.slice(1, -1)}\n]\n`)
  })

  it("is replaced as a whole, and cannot be added to", async () => {
    expect(jsonDestination.writeModes).toEqual(["replace"])
    const root = projectFolder({ "a.json": "[]" })
    await loadAll(jsonDestination, { path: "a.json" }, [batch], { root, ends: "failed" })
    expect(text(root, "a.json")).toBe("[]")
    expect(readdirSync(root)).toEqual(["a.json"])
  })

  it("goes to standard output as one array", async () => {
    const written: Array<Uint8Array> = []
    await loadAll(jsonDestination, { path: "-" }, [batch], { root: "/", stdout: async (bytes) => void written.push(bytes.slice()) })
    expect(JSON.parse(Buffer.concat(written).toString())).toEqual(rows)
  })
})
