/**
 * `deltaflow test` over the project in `tested/`: each test file in `tested/tests/` has beside it, as `.txt`, exactly what people are told.
 * `vitest run tested -u` writes the texts anew.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it, vi } from "vitest"
import { deltaflow, folderWith, project as quickstart } from "./inProcess.ts"

vi.setConfig({ testTimeout: 60_000 })

const project = path.join(import.meta.dirname, "tested")
const files = readdirSync(path.join(project, "tests")).filter((name) => /\.test\.\w+$/.test(name))

/** Without what differs from run to run and from place to place. */
const plain = (text: string): string =>
  text
    .replaceAll(/\(\d+ ms\)/g, "(1 ms)")
    .replaceAll(/\(\d+\.\ds\)/g, "(0.1s)")
    .replaceAll(project, "<project>")

const codeOf = (name: string): number => (/^(right|runs|files)/.test(name) ? 0 : name.startsWith("wrong") ? 1 : 2)

describe("test files", () => {
  it.each(files)("%s", async (name) => {
    const { code, stdout, stderr } = await deltaflow(project, ["test", `tests/${name}`])
    expect(stdout).toBe("")
    await expect(plain(stderr)).toMatchFileSnapshot(path.join(project, "tests", `${name.replace(/\.test\.\w+$/, "")}.txt`))
    expect(code).toBe(codeOf(name))
  })

  it("leave no state, and write nothing but snapshots", () => {
    expect(readdirSync(project).toSorted()).toEqual(["pipelines", "tests"])
    expect(readdirSync(path.join(project, "tests"))).not.toContain("__snapshots__")
  })
})

const tests = (more: string) => `pipeline: hello-world
tests:
  - name: adults
    fixtures: { sample_data: [{ id: 2, first_name: Bo, age: 18 }, { id: 10, first_name: Ada, age: 36 }, { id: 1, first_name: Cy, age: 3 }] }
${more}`

const withTests = (text: string) => folderWith({ ...quickstart, "tests/adults.test.yml": text })

/** Pipelines of the quickstart rename `last_name`, which these rows do not have. */
const counted = tests(`    expect: { row_count: 2 }\n`).replaceAll("age:", 'last_name: "", age:')

const snapshotOf = (root: string): string => path.join(root, "tests/__snapshots__/adults.test.ndjson")

describe("deltaflow test", () => {
  it("runs all files of the folder tests and those below it, and gives the sum", async () => {
    const root = folderWith({ ...quickstart, "tests/a.test.yml": counted, "tests/b/c.test.yaml": counted, "tests/note.yml": "no: test" })
    const { code, stderr } = await deltaflow(root, ["test"])
    expect(code).toBe(0)
    expect(plain(stderr)).toBe(
      ["tests/a.test.yml", "  ✓ adults (1 ms)", "tests/b/c.test.yaml", "  ✓ adults (1 ms)", "", "2 passed (0.1s)", ""].join("\n"),
    )
    expect(existsSync(path.join(root, ".deltaflow"))).toBe(false)
    expect((await deltaflow(root, ["test", "tests/b"])).stderr).toContain("1 passed")
  })

  it("says where tests belong when there are none, and what is not there", async () => {
    const none = await deltaflow(folderWith(quickstart), ["test"])
    expect(none).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/there are no tests in .*tests\. A test file is a YAML file/) as string,
    })
    const missing = await deltaflow(withTests(counted), ["test", "tests/no.test.yml"])
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("there is no tests/no.test.yml.") as string })
  })

  it("gives one JSON object for machines", async () => {
    const root = withTests(counted.replace("row_count: 2", "row_count: 3"))
    writeFileSync(path.join(root, "tests/broken.test.yml"), "pipeline: hello-word\ntests: [{ name: x, expect: { row_count: 1 } }]\n")
    const { code, stdout, stderr } = await deltaflow(root, ["test", "--json"])
    expect([code, stderr]).toEqual([2, ""])
    expect(JSON.parse(stdout)).toMatchObject({
      passed: 0,
      failed: 1,
      tests: [
        {
          file: "tests/adults.test.yml",
          name: "adults",
          passed: false,
          failures: [{ check: "row_count", message: "expected 3 rows, found 2." }],
        },
      ],
      issues: [{ code: "UNKNOWN_PIPELINE", file: "tests/broken.test.yml", line: 1 }],
      snapshots: { written: 0, updated: 0, obsolete: [] },
    })
  })

  it("marks rows with colour only where it is asked for", async () => {
    const root = withTests(counted.replace("row_count: 2", "equals: { columns: [id], rows: [{ id: 1 }] }"))
    expect((await deltaflow(root, ["test"])).stderr).not.toContain("\u001B")
    const coloured = await deltaflow(root, ["test"], { FORCE_COLOR: "1" })
    expect(coloured.stderr).toContain("\u001B[31m-    1        1\u001B[39m")
    expect(coloured.stderr).toContain("\u001B[32m+    1       2\u001B[39m".replace("       2", "        2"))
  })

  it("checks tests, pipelines and expressions with --validate, and runs nothing", async () => {
    const wrong = withTests(counted.replace("row_count: 2", 'expression: ["age = 1", "agee > 1", "SUM(age) > 0", "SUM(agee) > 0"]'))
    const { code, stderr } = await deltaflow(wrong, ["test", "--validate"])
    expect(code).toBe(2)
    expect(stderr).toContain("tests/adults.test.yml:5:39: agee > 1: There is no column agee. Did you mean age?")
    expect(stderr).toContain("SUM(agee) > 0: There is no column agee.")
    expect(stderr).toContain("\n2 errors\n")
    const ran = path.join(import.meta.dirname, "never")
    const custom = folderWith({
      ...quickstart,
      "deltaflow.yml": quickstart["deltaflow.yml"].replace("destinations:", "  - { type: custom, module: step.mjs }\ndestinations:"),
      "step.mjs": `import { writeFileSync } from "node:fs"\nexport default (row) => { writeFileSync(${JSON.stringify(ran)}, ""); return row }\n`,
      "tests/adults.test.yml": counted,
    })
    expect((await deltaflow(custom, ["test", "--validate"])).code).toBe(0)
    expect(existsSync(ran)).toBe(false)
    const right = withTests(counted.replace("row_count: 2", 'row_count: 7, expression: "age > 1"'))
    expect(await deltaflow(right, ["test", "--validate"])).toMatchObject({ code: 0, stderr: "✓ tests/adults.test.yml › adults\n" })
    const json = await deltaflow(right, ["test", "--validate", "--json"])
    expect(JSON.parse(json.stdout)).toEqual({ valid: true, tests: [{ file: "tests/adults.test.yml", name: "adults" }], issues: [] })
  })

  it("runs on although a module throws, and names the row", async () => {
    const root = folderWith({
      ...quickstart,
      "deltaflow.yml": quickstart["deltaflow.yml"].replace("destinations:", "  - { type: custom, module: step.mjs }\ndestinations:"),
      "step.mjs": `export default (row) => { if (row.id === 10) throw new Error("no Ada"); return row }\n`,
      "tests/adults.test.yml": counted,
      "tests/other.test.yml": counted.replace("first_name: Ada", "first_name: Ann").replace("id: 10", "id: 11"),
    })
    const { code, stderr } = await deltaflow(root, ["test"])
    expect(code).toBe(1)
    expect(stderr).toMatch(/the run failed with CUSTOM_STEP_FAILED: .*row 2.*no Ada/)
    expect(stderr).toContain("1 passed, 1 failed")
  })
})

describe("snapshots", () => {
  it("are written once, compared, shown as a difference, and updated", async () => {
    const root = withTests(counted)
    const first = await deltaflow(root, ["test", "--snapshot"])
    expect([first.code, first.stderr]).toEqual([0, expect.stringContaining("1 snapshot written\n")])
    expect(readFileSync(snapshotOf(root), "utf8")).toBe(
      [
        '{"test":"adults","place":"destinations[0]","columns":{"id":"integer","firstName":"string","lastName":"string","age":"integer"},"rows":2}',
        '{"id":2,"firstName":"Bo","lastName":"","age":18}',
        '{"id":10,"firstName":"Ada","lastName":"","age":36}',
        "",
      ].join("\n"),
    )
    const again = await deltaflow(root, ["test", "--snapshot"], { CI: "true" })
    expect([again.code, again.stderr]).toEqual([0, expect.not.stringContaining("snapshot")])
    writeFileSync(path.join(root, "tests/adults.test.yml"), counted.replace("age: 36", "age: 37"))
    expect((await deltaflow(root, ["test"])).code).toBe(0)
    const other = await deltaflow(root, ["test", "--snapshot"])
    expect(other.code).toBe(1)
    expect(other.stderr).toContain("snapshot: other than in adults.test.ndjson. Where this is right, run with --update-snapshot.")
    expect(other.stderr).toMatch(/~ {4}2 +10 {2}Ada +"" +36 → 37/)
    const updated = await deltaflow(root, ["test", "--update-snapshot"])
    expect([updated.code, updated.stderr]).toEqual([0, expect.stringContaining("1 snapshot updated\n")])
    expect((await deltaflow(root, ["test", "--snapshot"])).code).toBe(0)
  })

  it("that a test asks for are compared without a flag, and fail where CI finds none", async () => {
    const root = withTests(counted.replace("row_count: 2", "snapshot: true"))
    const ci = await deltaflow(root, ["test"], { CI: "1" })
    expect([ci.code, ci.stderr]).toEqual([1, expect.stringMatching(/snapshot: there is no snapshot in .*adults\.test\.ndjson\. Write it/)])
    expect(existsSync(snapshotOf(root))).toBe(false)
    expect((await deltaflow(root, ["test"])).stderr).toContain("1 snapshot written")
    expect((await deltaflow(root, ["test"], { CI: "1" })).code).toBe(0)
  })

  it("mind the order only where it is asked for, and a change of columns always", async () => {
    const swapped = (text: string) => text.replace(/(\{ id: 2[^}]*\}), (\{ id: 10[^}]*\})/, "$2, $1")
    for (const [kind, code] of [
      ["true", 0],
      ["ordered", 1],
    ] as const) {
      const text = counted.replace("row_count: 2", `snapshot: ${kind}`)
      const root = withTests(text)
      await deltaflow(root, ["test"])
      writeFileSync(path.join(root, "tests/adults.test.yml"), swapped(text))
      expect((await deltaflow(root, ["test"])).code).toBe(code)
      writeFileSync(path.join(root, "tests/adults.test.yml"), text.replaceAll("age: ", "city: x, age: "))
      expect((await deltaflow(root, ["test"])).stderr).toContain("+ city string")
    }
  })

  it("of a test that is gone are told, and removed by an update", async () => {
    const root = withTests(counted.replace("row_count: 2", "snapshot: true"))
    await deltaflow(root, ["test"])
    writeFileSync(path.join(root, "tests/adults.test.yml"), counted.replace("name: adults", "name: grown-ups"))
    const told = await deltaflow(root, ["test"])
    expect([told.code, told.stderr]).toEqual([
      0,
      expect.stringContaining(
        "! 1 snapshot of no test. --update-snapshot removes them:\n  tests/adults.test.yml › adults: destinations[0]\n",
      ),
    ])
    await deltaflow(root, ["test", "--update-snapshot"])
    expect(readFileSync(snapshotOf(root), "utf8")).toBe("")
  })

  it.each([
    ["no JSON", "<<<<<<< ours\n", ":1: the snapshots cannot be read: this is no line of JSON."],
    ["no head", '{"id":1}\n', ":1: the snapshots cannot be read: expected the line of a snapshot"],
    [
      "a row too few",
      '{"test":"a","place":"b","columns":{"id":"integer"},"rows":1}\n',
      ":2: the snapshots cannot be read: a row is missing",
    ],
    [
      "a wrong type",
      '{"test":"a","place":"b","columns":{"id":"number"},"rows":0}\n',
      ":1: the snapshots cannot be read: the column id has no type",
    ],
    [
      "a wrong value",
      '{"test":"a","place":"b","columns":{"id":"integer"},"rows":1}\n{"id":"x"}\n',
      ':2: the snapshots cannot be read: id: "x" is no integer',
    ],
  ])("that are damaged (%s) fail with their line, and stay as they are", async (_, text, message) => {
    const root = withTests(counted.replace("row_count: 2", "snapshot: true"))
    mkdirSync(path.dirname(snapshotOf(root)))
    writeFileSync(snapshotOf(root), text)
    const { code, stderr } = await deltaflow(root, ["test", "--update-snapshot"])
    expect(code).toBe(1)
    expect(stderr).toContain(message)
    expect(readFileSync(snapshotOf(root), "utf8")).toBe(text)
  })
})
