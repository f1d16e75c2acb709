/** What a person reads when a typed pipeline is wrong: the compiler runs over one small file for each mistake. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const core = path.resolve(import.meta.dirname, "../../..")
const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc")

const opening = `
import { type ColumnsOf, pipeline, type PipelineDefinition, type RowOf, typedDestination, typedSource, typedStep, typedTransform } from "@deltaflow/core"
const users = typedSource({ type: "csv", path: "a.csv" }, { id: "integer", age: "integer", email: "string", born: "date" })
const plain = { type: "csv", path: "a.csv" } as const
const out = { type: "json", path: "b.json" } as const
const short = typedTransform({ type: "short", takes: { email: "string" }, patch: (row) => ({ domain: row.email?.split("@")[1] ?? null }) })
`

const steps = (...texts: ReadonlyArray<string>): string =>
  `pipeline({ name: "a", sources: [users], transforms: [${texts.join(", ")}], destinations: [out] })`

const into = (columns: string, ...texts: ReadonlyArray<string>): string =>
  `pipeline({ name: "a", sources: [users], transforms: [${texts.join(", ")}], destinations: [typedDestination(out, ${columns})] })`

/** Name of the mistake: what is wrong, and words of the first message. */
const mistakes: Readonly<Record<string, readonly [string, ...ReadonlyArray<string>]>> = {
  "a select of a missing column": [steps(`{ type: "select", columns: ["id", "emial"] }`), `'"emial"'`, `Did you mean '"email"'?`],
  "a select of a column that was renamed before": [
    steps(`{ type: "rename", columns: { email: "mail" } }`, `{ type: "select", columns: ["email"] }`),
    `'"email"'`,
    `Did you mean '"mail"'?`,
  ],
  "a select of a column that was left out before": [
    steps(`{ type: "select", columns: ["id"] }`, `{ type: "select", columns: ["id", "age"] }`),
    `'"age"'`,
    `'"id"'`,
  ],
  "a map over a missing column": [
    steps(`{ type: "map", fields: { domain: "split_part(emial, '@', 2)" } }`),
    `NoSuchColumn<"emial", "age" | "born" | "email" | "id">`,
  ],
  "a map over a column that the same step makes": [
    steps(`{ type: "map", fields: { next: "age + 1", after: "next + 1" } }`),
    `NoSuchColumn<"next", `,
  ],
  "a filter over a missing column": [steps(`{ type: "filter", condition: "aeg >= 18 and email is not null" }`), `NoSuchColumn<"aeg", `],
  "a rename of a missing column": [
    steps(`{ type: "rename", columns: { emial: "mail" } }`),
    `'emial' does not exist`,
    `Did you mean to write 'email'?`,
  ],
  "a sort by a missing column": [steps(`{ type: "sort", by: "emial" }`), `'"emial"'`, `Did you mean '"email"'?`],
  "a sort by several, one of which is missing": [
    steps(`{ type: "sort", by: [{ column: "id" }, { column: "emial", order: "desc" }] }`),
    `'"emial"'`,
    `Did you mean '"email"'?`,
  ],
  "a key that is missing": [steps(`{ type: "deduplicate", key: ["id", "emial"] }`), `'"emial"'`, `Did you mean '"email"'?`],
  "a group that is missing": [
    steps(`{ type: "aggregate", group_by: ["emial"], metrics: { users: "count(*)" } }`),
    `"emial"`,
    `Did you mean '"email"'?`,
  ],
  "a metric over a missing column": [
    steps(`{ type: "aggregate", group_by: ["email"], metrics: { oldest: "max(aeg)" } }`),
    `NoSuchColumn<"aeg", `,
  ],
  "a select of what an aggregate does not keep": [
    steps(`{ type: "aggregate", group_by: ["email"], metrics: { oldest: "max(age)" } }`, `{ type: "select", columns: ["id"] }`),
    `'"id"'`,
    `'"email" | "oldest"'`,
  ],
  "a select of what a join does not bring": [
    `pipeline({ name: "a", sources: [users, typedSource({ type: "csv", name: "lands" }, { code: "string", age: "integer" })],
      transforms: [{ type: "join", with: "lands", on: { email: "code" } }, { type: "select", columns: ["lands_age", "code"] }],
      destinations: [out] })`,
    `'"code"'`,
    `"lands_age"`,
  ],
  "an unnest of a missing column": [steps(`{ type: "unnest", column: "emials", as: "mail" }`), `'"emials"'`, `"email"`],
  "a select of the array that an unnest has taken apart": [
    `pipeline({ name: "a", sources: [typedSource(plain, { id: "integer", tags: "string[]" })],
      transforms: [{ type: "unnest", column: "tags", as: "tag" }, { type: "select", columns: ["tags"] }], destinations: [out] })`,
    `'"tags"'`,
    `Did you mean '"tag"'?`,
  ],
  "a misspelt key": [steps(`{ type: "filter", conditon: "age > 1" }`), `'conditon' does not exist`, `Did you mean to write 'condition'?`],
  "a destination with another type": [
    into(`{ id: "integer", email: "integer" }`, `{ type: "select", columns: ["id", "email"] }`),
    `RowsDoNotFit<{ readonly email: "is string, wanted is integer"; }>`,
  ],
  "a destination that wants a column more": [
    into(`{ id: "integer", domain: "string" }`, `{ type: "select", columns: ["id"] }`),
    `RowsDoNotFit<{ readonly domain: "is missing, wanted is string"; }>`,
  ],
  "a destination that has a column less": [
    into(`{ id: "integer" }`, `{ type: "select", columns: ["id", "age"] }`),
    `RowsDoNotFit<{ readonly age: "is no column of the destination"; }>`,
  ],
  "a function over a column that is not there any more": [
    steps(`{ type: "select", columns: ["id"] }`, `typedStep(short)`),
    `RowsDoNotFit<{ readonly email: "is missing, wanted is string"; }>`,
  ],
  "a function that reads a missing column": [
    `typedTransform({ type: "t", takes: { email: "string" }, patch: (row) => ({ a: row.emial }) })`,
    `'emial' does not exist`,
    `Did you mean 'email'?`,
  ],
  "a function that takes null for a text": [
    `typedTransform({ type: "t", takes: { email: "string" }, patch: (row) => ({ a: row.email.length }) })`,
    `'row.email' is possibly 'null'`,
  ],
  "a select of what a function does not give": [
    steps(
      `typedStep(typedTransform({ type: "t", takes: { id: "integer" }, row: ({ id }) => [{ id, half: 1 }] }))`,
      `{ type: "select", columns: ["age"] }`,
    ),
    `'"age"'`,
    `'"half" | "id"'`,
  ],
  "a source with a type of column that does not exist": [`typedSource(plain, { id: "int" })`, `'"int"'`],
}

/** What must compile, since it is right or nothing is known of its rows. */
const right: Readonly<Record<string, string>> = {
  "all steps": steps(
    `{ type: "filter", condition: true }`,
    `{ type: "map", fields: { domain: "split_part(email, '@', 2)", year: "extract(year from born)", one: 1 } }`,
    `{ type: "rename", columns: { email: "mail" } }`,
    `{ type: "custom", module: "./a.ts", mode: "patch", columns: { hash: "string" } }`,
    `{ type: "deduplicate", key: "mail", keep: "latest", by: "born" }`,
    `{ type: "sort", by: [{ column: "hash", order: "desc", nulls: "last" }] }`,
    `{ type: "aggregate", group_by: "domain", metrics: { users: "count(distinct mail)" } }`,
    `{ type: "select", columns: ["users", "domain"] }`,
  ),
  "a text that is not understood": steps(`{ type: "map", fields: { a: "agee collate \\"C\\"", b: "(select 1)" } }`),
  "what comes behind a step of the host's own": steps(`{ type: "mine", of: 1 }`, `{ type: "select", columns: ["anything"] }`),
  "what comes behind a custom step": steps(`{ type: "custom", module: "./a.ts" }`, `{ type: "select", columns: ["anything"] }`),
  "a plain source": `pipeline({ name: "a", sources: [plain], transforms: [{ type: "filter", condition: "anything > 1" },
    { type: "rename", columns: { x: "y" } }, { type: "select", columns: ["other"] }], destinations: [typedDestination(out, { other: "date" })] })`,
  "a source whose columns are corrected": `pipeline({ name: "a", sources: [{ ...plain, columns: { id: "integer" } }],
    transforms: [{ type: "select", columns: ["other"] }], destinations: [out] })`,
  "a typed source beside a plain one": `pipeline({ name: "a", sources: [users, plain], transforms: [{ type: "select", columns: ["other"] }],
    destinations: [out] })`,
  "steps and sources that are computed": `const columns = ["a", "b"].slice(1)
    const sources = columns.map((path) => ({ type: "csv", path }))
    pipeline({ name: "a", sources, transforms: columns.map((column) => ({ type: "select", columns: [column] })), destinations: sources })
    pipeline({ name: "a", sources: [users], transforms: [{ type: "select", columns }, { type: "select", columns: ["any"] }], destinations: [out] })
    pipeline({ name: "a", sources: [users], transforms: [{ type: "deduplicate", key: columns, by: columns[0]! }], destinations: [out] })
    pipeline({ name: "a", sources: [users], transforms: [{ type: "sort", by: columns.map((column) => ({ column })) }], destinations: [out] })
    pipeline({ name: "a", sources: [users], transforms: [{ type: "aggregate", group_by: columns, metrics: {} }], destinations: [out] })
    pipeline({ name: "a", sources: [users], transforms: [{ type: "rename", columns: { [columns[0]!]: "x" } }], destinations: [out] })
    pipeline({ name: "a", sources: [users], transforms: [{ type: "filter", condition: \`\${columns[0]} > 1\` }], destinations: [out] })`,
  "elements of an array, and keys of JSON": `pipeline({ name: "a",
    sources: [typedSource(plain, { id: "integer", tags: "string[]", doc: "json" })], transforms: [{ type: "unnest", column: "tags", as: "tag" },
      { type: "unnest", column: "doc" }, { type: "map", fields: { text: "tag || 'x'" } }],
    destinations: [typedDestination(out, { id: "integer", tag: "string", doc: "json", text: "string" })] })
    pipeline({ name: "a", sources: [typedSource(plain, { doc: "json" })], destinations: [out],
      transforms: [{ type: "flatten", column: "doc", separator: "." }, { type: "select", columns: ["doc.a"] }] })`,
  "definitions that are put together": `const one: PipelineDefinition = pipeline({ name: "a", sources: [users], destinations: [out] })
    pipeline({ ...one, name: "b" })
    const isShort = Math.random() > 0.5
    pipeline({ name: "a", sources: [users], destinations: [out], transforms: isShort ? [{ type: "select", columns: ["id"] }] : [] })
    pipeline({ name: "a", sources: [users], destinations: [out],
      transforms: [...(isShort ? [{ type: "filter", condition: "id > 1" } as const] : []), { type: "select", columns: ["id"] }] })`,
  "integers for decimals": into(`{ id: "decimal" }`, `{ type: "select", columns: ["id"] }`),
  "types that follow the rows": `const typed = pipeline({ name: "a", sources: [users], transforms: [
      { type: "map", fields: { adult: "age >= 18", domain: "split_part(email, '@', 2)", next: "age + 1", text: "age::text" } },
      typedStep(short, { name: "domains" }), { type: "rename", columns: { id: "key" } }], destinations: [out] })
    type Columns = ColumnsOf<typeof typed>
    const columns: { adult: "boolean", domain: "string", next: "integer", text: "string", key: "integer", age: "integer", email: "string", born: "date" }
      = null! as Columns
    const same: Columns = columns
    const row: RowOf<Columns> = { adult: true, domain: null, next: 1n, text: "", key: 1, age: 2, email: "", born: "2025-01-31" }`,
}

/** The code of the how-to page, as one file. */
const guide = [
  ...readFileSync(path.resolve(core, "../../docs/how-to/type-pipelines.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm),
].map(([, text = ""]) => text)

describe("the compiler", () => {
  const folder = mkdtempSync(path.join(core, "node_modules/.types-"))
  const files = new Map([...Object.keys(mistakes), ...Object.keys(right)].map((name, i) => [name, `case${i}.ts`]))
  const messages = new Map<string, string>()

  beforeAll(() => {
    for (const [name, file] of files) writeFileSync(path.join(folder, file), `${opening}${mistakes[name]?.[0] ?? right[name]}\n`)
    writeFileSync(path.join(folder, "guide.ts"), guide.join("\n"))
    const tsconfig = {
      extends: path.resolve(core, "../../tsconfig.base.json"),
      compilerOptions: {
        noEmit: true,
        rewriteRelativeImportExtensions: false,
        noUnusedLocals: false,
        customConditions: ["source"],
        noErrorTruncation: true,
        paths: { "@deltaflow/core": [path.join(core, "src/index.ts")] },
      },
      include: ["*.ts"],
    }
    writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(tsconfig))
    const { stdout, error } = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], { cwd: folder, encoding: "utf8" })
    if (error !== undefined) throw error
    for (const message of stdout.split(/\n(?=\S)/)) {
      const file = /^([^(]+)\(/.exec(message)?.[1] ?? "elsewhere"
      if (message.trim() !== "") messages.set(file, `${messages.get(file) ?? ""}${message}\n`)
    }
  }, 120_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(Object.keys(mistakes))("says what is wrong with %s", (name) => {
    const message = messages.get(files.get(name)!) ?? ""
    for (const words of mistakes[name]!.slice(1)) expect(message).toContain(words)
    // One mistake, one message: a person does not have to look for the one that counts.
    expect(message.match(/error TS/g)).toHaveLength(1)
  })

  it.each(Object.keys(right))("has nothing to say about %s", (name) => {
    expect(messages.get(files.get(name)!)).toBeUndefined()
  })

  it("takes the code of the how-to page", () => {
    expect(guide).toHaveLength(2)
    expect(messages.get("guide.ts")).toBeUndefined()
  })

  it("finds nothing else in the package", () => {
    const known = new Set(files.values())
    expect([...messages].filter(([file]) => !known.has(file))).toEqual([])
  })
})
