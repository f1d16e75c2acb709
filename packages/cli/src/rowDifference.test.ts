import { existsSync, writeFileSync } from "node:fs"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it, vi } from "vitest"
import { deltaflow, folderWith, users } from "../test/inProcess.ts"

vi.setConfig({ testTimeout: 60_000 })

const into = (destination: string): string => `name: people
sources: [{ type: csv, path: users.csv }]
transforms: [{ type: select, columns: [id, first_name, age] }]
destinations:
  - ${destination}
`

const changed = users.replace("Bo,Larsen,bo@example.com,17", "Bo,Larsen,bo@example.com,18").concat("6,Zoë,Zed,zoe@example.com,44\n")

const changesIn = (stdout: string) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { change: string; row: { id: number }; before: { age: number } | null })

describe("preview of a destination with a key", () => {
  it.each([
    ["sqlite", "{ name: out, type: sqlite, path: out.db, table: people, write_mode: upsert, key: id }"],
    ["csv", "{ name: out, type: csv, path: out.csv, write_mode: replace, key: id }"],
    ["csv with other signs", "{ name: out, type: csv, path: out.csv, delimiter: ';', null_values: [NONE], write_mode: replace, key: id }"],
    ["ndjson", "{ name: out, type: ndjson, path: out.ndjson, write_mode: replace, key: id }"],
    ["compressed ndjson", "{ name: out, type: ndjson, path: out.ndjson.gz, write_mode: replace, key: id }"],
    ["json", "{ name: out, type: json, path: out.json, pretty: true, write_mode: replace, key: id }"],
  ])("says what would be inserted, updated and unchanged in %s", async (_, destination) => {
    const root = folderWith({ "deltaflow.yml": into(destination), "users.csv": users })
    const first = await deltaflow(root, ["preview", "deltaflow.yml"])
    expect(first.stderr).toBe("out: 5 inserted, 0 updated, 0 unchanged; nothing was written\n")
    expect((await deltaflow(root, ["run"])).code).toBe(0)
    expect((await deltaflow(root, ["preview"])).stderr).toBe("out: 0 inserted, 0 updated, 5 unchanged; nothing was written\n")
    writeFileSync(path.join(root, "users.csv"), changed)
    const { stdout, stderr } = await deltaflow(root, ["preview"])
    expect(stderr).toBe("out: 1 inserted, 1 updated, 4 unchanged; nothing was written\n")
    expect(stdout.split("\n").slice(0, 9)).toEqual([
      "        id  first_name      age",
      "   integer  string      integer",
      "─  ───────  ──────────  ───────",
      "         1  Ada              36",
      "~        2  Bo          17 → 18",
      "         3  Chidi            18",
      "         4  Dora              9",
      "         5  Élise            52",
      "+        6  Zoë              44",
    ])
    const changes = changesIn((await deltaflow(root, ["preview", "--json"])).stdout)
    expect(changes.map(({ change }) => change)).toEqual(["unchanged", "updated", "unchanged", "unchanged", "unchanged", "inserted"])
    expect(changes[1]).toMatchObject({ destination: "out", row: { id: 2, age: 18 }, before: { age: 17 } })
    expect(changes[5]!.before).toBe(null)
  })

  it("goes by all columns of a key, takes a null for no key, and sees a key that comes twice", async () => {
    const root = folderWith({
      "deltaflow.yml": into("{ name: out, type: ndjson, path: out.ndjson, write_mode: replace, key: [id, first_name] }"),
      "out.ndjson": '{"id":1,"first_name":"it\'s","age":1}\n{"id":null,"first_name":"x","age":1}\n',
      "users.csv": "id,first_name,age\n1,it's,1\n1,its,1\n,x,1\n1,it's,2\n",
    })
    const changes = changesIn((await deltaflow(root, ["preview", "--json"])).stdout)
    expect(changes.map(({ change }) => change)).toEqual(["unchanged", "inserted", "inserted", "updated"])
  })

  it("takes a table that is not there yet for an empty one, and makes nothing", async () => {
    const root = folderWith({
      "deltaflow.yml": into("{ name: out, type: sqlite, path: out.db, table: people, write_mode: upsert, key: id }"),
      "users.csv": users,
    })
    const database = new DatabaseSync(path.join(root, "out.db"))
    database.exec("CREATE TABLE other (id)")
    database.close()
    expect((await deltaflow(root, ["preview"])).stderr).toContain("out: 5 inserted, 0 updated, 0 unchanged")
    expect(existsSync(path.join(root, ".deltaflow"))).toBe(false)
  })

  it("shows plain rows after another step, in mode append, and where the rows there cannot be read", async () => {
    const text = into("{ name: out, type: ndjson, path: out.ndjson, write_mode: replace, key: id }")
    const root = folderWith({ "deltaflow.yml": text, "out.ndjson": "{broken\n", "users.csv": users })
    expect((await deltaflow(root, ["preview", "--step", "0"])).stderr).toBe("5 rows, nothing was written\n")
    const broken = await deltaflow(root, ["preview"])
    expect(broken.stdout).toContain("Chidi")
    expect(broken.stderr).toMatch(/! out: what would change is not known: .*out\.ndjson/)
    writeFileSync(path.join(root, "deltaflow.yml"), text.replace("replace", "append"))
    expect((await deltaflow(root, ["preview"])).stderr).toBe("5 rows, nothing was written\n")
  })

  it("tells a null from the word, and lines up what is wide", async () => {
    const root = folderWith({
      "deltaflow.yml": into("{ name: out, type: ndjson, path: out.ndjson, write_mode: replace, key: id }"),
      "users.csv": "id,first_name,age\n1,null,1\n2,👩‍💻x,2\n",
      "out.ndjson": '{"id":1,"first_name":null,"age":1}\n{"id":2,"first_name":"null","age":2}\n',
    })
    const { stdout } = await deltaflow(root, ["preview"])
    expect(stdout.split("\n").slice(2, 5)).toEqual([
      "─  ───────  ─────────────  ───────",
      '~        1  null → "null"        1',
      '~        2  "null" → 👩‍💻x         2',
    ])
  })

  it("refuses a step that is not there", async () => {
    const root = folderWith({ "deltaflow.yml": into("{ type: ndjson, path: out.ndjson }"), "users.csv": users })
    expect(await deltaflow(root, ["preview", "--step", "2"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("has 1 step.") as string,
    })
  })
})
