import { copyFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { createEngine } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import { expect, it, onTestFinished } from "vitest"
import { builtins } from "../src/index.ts"

it("a destination that was put back from a backup gets again what it lost, and a state that was set by hand still counts", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-backup-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [from, to, backup] = ["from.db", "to.db", "backup.db"].map((file) => path.join(folder, file)) as [string, string, string]
  const source = new DatabaseSync(from)
  source.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
  const add = (id: number) => source.exec(`INSERT INTO orders VALUES (${id})`)
  const pipeline = {
    name: "orders",
    sources: [{ type: "sqlite", path: from, table: "orders", incremental: { column: "id" } }],
    destinations: [{ type: "sqlite", path: to, table: "orders" }],
  }
  await using engine = createEngine({ plugins: builtins, store: memoryStore(), projectRoot: folder })
  const ids = () => {
    const database = new DatabaseSync(to)
    const rows = database.prepare("SELECT id FROM orders ORDER BY id").all()
    database.close()
    return rows.map(({ id }) => id)
  }
  add(1)
  await engine.run(pipeline)
  copyFileSync(to, backup)
  for (const id of [2, 3]) {
    add(id)
    await engine.run(pipeline)
  }
  rmSync(to)
  copyFileSync(backup, to)
  await engine.run(pipeline)
  expect(ids()).toEqual([1, 2, 3])
  // Whoever sets the cursor means it, whatever stands beside the rows.
  await engine.setState(pipeline, "sources[0]", '{"value":10}')
  for (const id of [4, 11]) add(id)
  await engine.run(pipeline)
  expect(ids()).toEqual([1, 2, 3, 11])
  for (const wrong of ["{}", "7", '{"value":null}', '{"value":1,"seen":1}']) {
    await engine.setState(pipeline, "sources[0]", wrong)
    await expect(engine.run(pipeline)).rejects.toMatchObject({ code: "CURSOR_INVALID" })
  }
  source.close()
})
