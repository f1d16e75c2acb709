import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it, vi } from "vitest"
import { deltaflow, folderWith, project, quickstart } from "./inProcess.ts"

vi.setConfig({ testTimeout: 60_000 })

const text = `// Made by \`deltaflow types\` from the schemas of sources. Make it again when they change; do not edit it.
/** Columns of the rows of the source sample_data (csv) of hello-world, for \`typedSource\`. */
export const helloWorldSampleDataColumns = {
  id: "integer",
  first_name: "string",
  last_name: "string",
  email: "string",
  age: "integer",
} as const

/** One of the rows of the source sample_data (csv) of hello-world. */
export type HelloWorldSampleDataRow = {
  readonly id: number | bigint | null
  readonly first_name: string | null
  readonly last_name: string | null
  readonly email: string | null
  readonly age: number | bigint | null
}

/** Columns of the rows that the destinations of hello-world get, for \`typedDestination\`. */
export const helloWorldColumns = {
  id: "integer",
  firstName: "string",
  lastName: "string",
  email: "string",
  age: "integer",
} as const

/** One of the rows that the destinations of hello-world get. */
export type HelloWorldRow = {
  readonly id: number | bigint | null
  readonly firstName: string | null
  readonly lastName: string | null
  readonly email: string | null
  readonly age: number | bigint | null
}
`

describe("types", () => {
  it("prints the types of sources and of the rows behind the steps, and touches nothing", async () => {
    const root = folderWith(project)
    const before = readdirSync(root)
    expect(await deltaflow(root, ["types"])).toEqual({ code: 0, stdout: text, stderr: "" })
    expect(readdirSync(root)).toEqual(before)
  })

  it("writes a file, and leaves it where it is right", async () => {
    const root = folderWith(project)
    const first = await deltaflow(root, ["types", "--out", "src/rows.ts"])
    expect(first).toMatchObject({ code: 0, stdout: "", stderr: "✓ src/rows.ts written: HelloWorldSampleDataRow, HelloWorldRow\n" })
    expect(readFileSync(path.join(root, "src/rows.ts"), "utf8")).toBe(text)
    expect(readdirSync(path.join(root, "src"))).toEqual(["rows.ts"])
    expect((await deltaflow(root, ["types", "--out", "src/rows.ts"])).stderr).toContain("src/rows.ts is up to date")
  })

  it("checks the file, and shows what has changed", async () => {
    const root = folderWith(project)
    const args = ["types", "--out", "rows.ts", "--check"]
    const missing = await deltaflow(root, args)
    expect(missing.code).toBe(1)
    expect(missing.stdout).toContain("+ export type HelloWorldRow = {")
    expect(existsSync(path.join(root, "rows.ts"))).toBe(false)
    writeFileSync(path.join(root, "rows.ts"), text.replaceAll("\n", "\r\n"))
    expect(await deltaflow(root, args)).toMatchObject({ code: 0, stdout: "", stderr: "✓ rows.ts is up to date\n" })
    writeFileSync(path.join(root, "data/users.csv"), "id,first_name,last_name,email,age\n1,Ada,Lovelace,ada@example.com,36.5\n")
    const { code, stdout, stderr } = await deltaflow(root, args)
    expect(code).toBe(1)
    expect(stderr).toBe("error: rows.ts is stale: the sources have other columns. Run deltaflow types --out rows.ts.\n")
    expect(stdout.split("\n").filter((line) => /^[-+]/.test(line))).toEqual([
      '+ import type { Decimal } from "@deltaflow/core"',
      "+",
      '-   age: "integer",',
      '+   age: "decimal",',
      "-   readonly age: number | bigint | null",
      "+   readonly age: Decimal | null",
      '-   age: "integer",',
      '+   age: "decimal",',
      "-   readonly age: number | bigint | null",
      "+   readonly age: Decimal | null",
    ])
    expect(readFileSync(path.join(root, "rows.ts"), "utf8")).toBe(text.replaceAll("\n", "\r\n"))
    const json = JSON.parse((await deltaflow(root, [...args, "--json"])).stdout) as Record<string, unknown>
    expect(json).toMatchObject({ stale: true, file: path.join(root, "rows.ts") })
  })

  it("gives names and text as JSON", async () => {
    const { stdout } = await deltaflow(folderWith(project), ["types", "--json"])
    expect(JSON.parse(stdout)).toEqual({
      file: null,
      pipelines: [
        {
          pipeline: "hello-world",
          sources: [{ source: "sample_data", columns: "helloWorldSampleDataColumns", row: "HelloWorldSampleDataRow" }],
          rows: { columns: "helloWorldColumns", row: "HelloWorldRow" },
        },
      ],
      text,
    })
  })

  it("names every source that cannot be reached, and leaves the file as it was", async () => {
    const named = (name: string, input: string): string => quickstart.replace("hello-world", name).replace("data/users.csv", input)
    const root = folderWith({
      ...project,
      "pipelines/a.yml": named("a-second", "data/none.csv"),
      "pipelines/b.yml": named("b-third", "data/gone.csv"),
      "rows.ts": text,
    })
    const { code, stdout, stderr } = await deltaflow(root, ["types", "--out", "rows.ts"])
    expect(code).toBe(1)
    expect(stdout).toBe("")
    expect(stderr).toMatch(/^✗ a-second\nerror\[FILE_NOT_FOUND\]: sample_data: there is no file data\/none\.csv/m)
    expect(stderr).toMatch(/^✗ b-third\nerror\[FILE_NOT_FOUND\]: sample_data: there is no file data\/gone\.csv/m)
    expect(stderr).toContain(`No types were written, and ${path.join(root, "rows.ts")} is as it was.`)
    expect(readFileSync(path.join(root, "rows.ts"), "utf8")).toBe(text)
    expect(await deltaflow(root, ["types", "deltaflow.yml", "--out", "rows.ts", "--check"])).toMatchObject({ code: 0 })
  })

  it("shows a wrong definition at its place", async () => {
    const root = folderWith({ ...project, "deltaflow.yml": quickstart.replace("age >= 18", "aeg >= 18") })
    const { code, stderr } = await deltaflow(root, ["types"])
    expect(code).toBe(2)
    expect(stderr).toMatch(/error\[UNKNOWN_COLUMN\]: deltaflow\.yml:\d+:\d+: /)
  })

  it("overwrites no file of another", async () => {
    const root = folderWith({ ...project, "rows.ts": "export const mine = 1\n" })
    const { code, stderr } = await deltaflow(root, ["types", "--out", "rows.ts"])
    expect(code).toBe(2)
    expect(stderr).toContain("deltaflow types has not made this file, and leaves it as it is")
    expect(readFileSync(path.join(root, "rows.ts"), "utf8")).toBe("export const mine = 1\n")
    expect((await deltaflow(root, ["types", "--out", "data"])).code).toBe(2)
    expect((await deltaflow(root, ["types", "--out", "rows.ts/x.ts"])).code).toBe(2)
    expect((await deltaflow(root, ["types", "--check"])).stderr).toContain("name it with --out")
  })

  it("takes a table without a project, with its nulls and its types", async () => {
    const root = folderWith({})
    const database = new DatabaseSync(path.join(root, "shop.db"))
    database.exec('CREATE TABLE Orders (id INTEGER PRIMARY KEY, total DOUBLE, "paid at" TEXT, raw BLOB NOT NULL)')
    database.close()
    const { code, stdout } = await deltaflow(root, ["types", "--from", "sqlite:shop.db#Orders"])
    expect(code).toBe(0)
    expect(stdout).toContain("export const ordersColumns = {")
    expect(stdout.slice(stdout.indexOf("export type"))).toBe(`export type OrdersRow = {
  readonly id: number | bigint
  readonly total: number | null
  readonly "paid at": string | null
  readonly raw: Uint8Array
}
`)
    expect((await deltaflow(root, ["types", "--from", "x.csv", "y.yml"])).stderr).toContain("--from goes without files")
    expect((await deltaflow(root, ["types"])).code).toBe(2)
  })
})
