import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import path from "node:path"
import { createEngine } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import { expect, it } from "vitest"
import { missingServer, startPostgres } from "../../../../../scripts/postgresServer.ts"
import { csvDestination } from "../../csv/index.ts"
import { ndjsonDestination } from "../../ndjson/index.ts"
import { sqliteDestination } from "../../sqlite/index.ts"
import { postgresSource } from "../index.ts"

/** The package brings no types. */
const packageName: string = "pg"
const { Client } = (
  (await import(packageName)) as {
    readonly default: {
      readonly Client: new (config: object) => { connect(): Promise<void>; query(sql: string): Promise<unknown>; end(): Promise<void> }
    }
  }
).default

const missing = await missingServer()

it.skipIf(missing !== undefined)("changes go into files and SQLite too, where a delete has its key alone", async () => {
  const server = await startPostgres({ settings: ["wal_level=logical", "synchronous_commit=on"] })
  const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-changes-"))
  const client = new Client({ host: "127.0.0.1", port: server.port, user: "postgres", password: "any" })
  try {
    await client.connect()
    await client.query("CREATE TABLE people (id int PRIMARY KEY, name text); INSERT INTO people VALUES (1, 'Ada'), (2, 'Bob')")
    await using engine = createEngine({
      plugins: [postgresSource, csvDestination, ndjsonDestination, sqliteDestination],
      store: memoryStore(),
      projectRoot: folder,
    })
    const definition = {
      name: "people",
      sources: [
        { type: "postgres", connection: `postgres://postgres:any@127.0.0.1:${server.port}/postgres`, mode: "cdc", table: "people" },
      ],
      transforms: [{ type: "select", columns: ["id", "name", "_op", "_deleted"] }],
      destinations: [
        { type: "csv", path: "people.csv" },
        { type: "ndjson", path: "people.ndjson" },
        { type: "sqlite", path: "people.db", table: "people", key: "id" },
      ],
    } as const
    await engine.run(definition)
    await client.query(
      "UPDATE people SET name = 'Ada L.' WHERE id = 1; DELETE FROM people WHERE id = 2; INSERT INTO people VALUES (3, 'Cy')",
    )
    await engine.run(definition)
    expect(readFileSync(path.join(folder, "people.csv"), "utf8")).toBe(
      "id,name,_op,_deleted\n1,Ada,snapshot,false\n2,Bob,snapshot,false\n1,Ada L.,update,false\n2,,delete,true\n3,Cy,insert,false\n",
    )
    expect(readFileSync(path.join(folder, "people.ndjson"), "utf8").split("\n").slice(2, 5)).toEqual([
      '{"id":1,"name":"Ada L.","_op":"update","_deleted":false}',
      '{"id":2,"_op":"delete","_deleted":true}',
      '{"id":3,"name":"Cy","_op":"insert","_deleted":false}',
    ])
    const database = new DatabaseSync(path.join(folder, "people.db"))
    expect(
      database
        .prepare("SELECT id, name, _deleted FROM people ORDER BY id")
        .all()
        .map((row) => Object.values(row)),
    ).toEqual([
      [1, "Ada L.", 0],
      [2, "Bob", 1],
      [3, "Cy", 0],
    ])
    database.close()
  } finally {
    await client.end()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})
