import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { loadAll, projectFolder, readAll } from "../../test/harness.ts"
import { csvDestination, csvSource } from "./index.ts"

const corpus = process.env["DELTAFLOW_CORPUS"]
const folder = join(corpus ?? "", "csv")

describe.skipIf(corpus === undefined || !existsSync(folder))("the CSV spectrum", () => {
  const all = corpus === undefined ? [] : readdirSync(join(folder, "csvs")).map((name) => name.replace(".csv", ""))
  // Its JSON has another telephone number than its CSV, which is not RFC 4180 either.
  const names = all.filter((name) => name !== "location_coordinates")

  it.each(names)("%s means what it says, and does so again when it was written", async (name) => {
    const root = projectFolder({ "in.csv": readFileSync(join(folder, "csvs", `${name}.csv`)) })
    const expected = JSON.parse(readFileSync(join(folder, "json", `${name}.json`), "utf8")) as ReadonlyArray<object>
    const config = { path: "in.csv", infer: false, null_values: [] }
    const read = await readAll(csvSource, config, { root })
    expect(read.rows).toEqual(expected)
    await loadAll(csvDestination, { path: "out.csv" }, read.batches, { root })
    expect((await readAll(csvSource, { ...config, path: "out.csv" }, { root })).rows).toEqual(expected)
  })
})
