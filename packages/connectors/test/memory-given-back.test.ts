/** Memory of rows is used again once they are loaded: never while somebody else still reads it. */
import { readFileSync } from "node:fs"
import { Batch, createEngine, type Source, type SourceReader, ValuesColumn } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { expect, it } from "vitest"
import { builtins } from "../src/index.ts"
import { projectFolder, text } from "./harness.ts"

const columns = [
  { name: "id", type: "integer", nullable: false },
  { name: "name", type: "string", nullable: false },
] as const

/** Gives one batch in slices, which share its columns, as a plugin may. */
const slicing: Source<object> = {
  kind: "source",
  type: "slicing",
  summary: "slices of one batch",
  config: { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: value as object }) } },
  open: () => {
    const ids = Array.from({ length: 30 }, (_, i) => i)
    const all = new Batch({
      schema: { columns },
      columns: [
        new ValuesColumn("integer", ids),
        new ValuesColumn(
          "string",
          ids.map((id) => `name ${id}`),
        ),
      ],
      rowCount: ids.length,
      byteSize: 1000,
    })
    const slices = [0, 10, 20].map((start) => ({ batch: all.slice(start, start + 10) }))
    const reader: SourceReader = {
      schema: { columns },
      read: () => ({ rows: { kind: "batches", stream: Stream.fromIterable(slices) } }),
    }
    return Effect.succeed(reader)
  },
}

it("keeps the columns that several batches of a source share", async () => {
  const root = projectFolder()
  await using engine = createEngine({ plugins: [...builtins, slicing], projectRoot: root })
  await engine.run({
    name: "slices",
    sources: [{ type: "slicing" }],
    transforms: [{ type: "map", fields: { twice: "id * 2" } }],
    destinations: [{ type: "ndjson", path: "out.ndjson" }],
  })
  const expected = Array.from({ length: 30 }, (_, id) => `{"id":${id},"name":"name ${id}","twice":${id * 2}}\n`)
  expect(text(root, "out.ndjson")).toBe(expected.join(""))
})

it("loads every row where chunks, places and results are read into the same memory over and over", async () => {
  const lines = Array.from({ length: 150_000 }, (_, i) => `${i},"note ""${i}"", of some length",${i % 7}\n`)
  const root = projectFolder({ "in.csv": `id,note,kind\n${lines.join("")}` })
  await using engine = createEngine({ plugins: builtins, projectRoot: root })
  await engine.run({
    name: "large",
    sources: [{ type: "csv", path: "in.csv" }],
    transforms: [
      { type: "filter", condition: "kind <> 3" },
      { type: "map", fields: { label: "kind || ':' || note" } },
    ],
    destinations: [
      { name: "a", type: "ndjson", path: "a.ndjson" },
      { name: "b", type: "csv", path: "b.csv" },
    ],
  })
  const kept = Array.from({ length: 150_000 }, (_, i) => i).filter((i) => i % 7 !== 3)
  const json = kept.map((i) => {
    const note = `note "${i}", of some length`
    return JSON.stringify({ id: i, note, kind: i % 7, label: `${i % 7}:${note}` })
  })
  expect(readFileSync(`${root}/a.ndjson`, "utf8")).toBe(`${json.join("\n")}\n`)
  const csv = kept.map((i) => `${i},"note ""${i}"", of some length",${i % 7},"${i % 7}:note ""${i}"", of some length"`)
  expect(readFileSync(`${root}/b.csv`, "utf8")).toBe(`id,note,kind,label\n${csv.join("\n")}\n`)
})
