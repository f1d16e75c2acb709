/** What a person reads when a typed pipeline is wrong: the compiler runs over one small file for each mistake. */
import { readFileSync } from "node:fs"
import path from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { compile } from "../../../test/pipeline/compile.ts"

const opening = `
import { type ColumnsOf, pipeline, type PipelineDefinition, type RowOf, typedDestination, typedSource, typedStep, typedTransform } from "@deltaflow/core"
const users = typedSource({ type: "csv", path: "a.csv" }, { id: "integer", age: "integer", email: "string", born: "date" })
const plain = { type: "csv", path: "a.csv" } as const
const out = { type: "json", path: "b.json" } as const
const lands = typedSource({ type: "csv", name: "lands" }, { code: "string", age: "integer" })
const short = typedTransform({ type: "short", takes: { email: "string" }, patch: (row) => ({ domain: row.email?.split("@")[1] ?? null }) })
`

const steps = (...texts: ReadonlyArray<string>): string =>
  `pipeline({ name: "a", sources: [users], transforms: [${texts.join(", ")}], destinations: [out] })`

const into = (columns: string, ...texts: ReadonlyArray<string>): string =>
  `pipeline({ name: "a", sources: [users], transforms: [${texts.join(", ")}], destinations: [typedDestination(out, ${columns})] })`

const joined = (keys: string): string =>
  `pipeline({ name: "a", sources: [users, lands], transforms: [{ type: "join", with: "lands", ${keys} }], destinations: [out] })`

const ruled = (rules: string): string => `pipeline({ name: "a", sources: [users], schema: ${rules}, destinations: [out] })`

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
  "a condition that is none": [steps(`{ type: "filter", condition: "age + 1" }`), `GivesNoBoolean<"integer">`],
  "a condition that is a column of text": [steps(`{ type: "filter", condition: "email" }`), `GivesNoBoolean<"string">`],
  "a join on a column that the rows do not have": [joined(`on: { emial: "code" }`), `'emial' does not exist`, `'email'`],
  "a join on a column that the other source does not have": [joined(`on: { email: "cod" }`), `'"cod"'`, `'"code"'`],
  "a join on one column that only one side has": [joined(`on: "email"`), `'"email"'`, `"age"`],
  "a join on several columns, one of which only one side has": [joined(`on: ["age", "email"]`), `'"email"'`, `'"age"'`],
  "a join's condition over a missing column": [
    joined(`on: { email: "code" }, condition: "lands_age > aeg"`),
    `NoSuchColumn<"aeg", "age" | "born" | "email" | "id" | "lands_age">`,
  ],
  "a join's condition over the other source's key, which does not come out": [
    joined(`on: { email: "code" }, condition: "code = 'x'"`),
    `NoSuchColumn<"code", `,
  ],
  "a join's condition that is none": [joined(`on: { email: "code" }, condition: "age + lands_age"`), `GivesNoBoolean<"integer">`],
  "a join with a source that is not there": [
    `pipeline({ name: "a", sources: [{ ...users, name: "users" }, lands], transforms: [{ type: "join", with: "land", on: { email: "code" } }],
      destinations: [out] })`,
    `'"land"'`,
    `"lands"`,
  ],
  "an unnest of a column that is no array": [
    steps(`{ type: "unnest", column: "age" }`),
    `this column is integer, wanted is an array or JSON`,
  ],
  "a child table of a missing column": [steps(`{ type: "flatten", children: { items: { key: "id" } } }`), `NoSuchColumn<"items", `],
  "a child table of a column that is no list": [
    steps(`{ type: "flatten", children: { mails: { column: "email", key: "id" } } }`),
    `this column is string, wanted is an array or JSON`,
  ],
  "a child table with a missing key": [
    `pipeline({ name: "a", sources: [typedSource(plain, { id: "integer", tags: "string[]" })],
      transforms: [{ type: "flatten", children: { tags: { key: "idd" } } }], destinations: [out] })`,
    `'"idd"'`,
    `"id" | "tags"`,
  ],
  "a flatten of a column that is no JSON": [steps(`{ type: "flatten", column: "email" }`), `this column is string, wanted is JSON`],
  "a rule for a missing column": [ruled(`{ emial: { required: true } }`), `'emial' does not exist`, `'email'`],
  "a rule with another type": [ruled(`{ age: { type: "string" } }`), `'"string"'`, `'"integer"'`],
  "a format of a number": [ruled(`{ age: { format: "email" } }`), `a format is for text, and this column is integer`],
  "a pattern of a date": [ruled(`{ born: { pattern: "^2" } }`), `a pattern is for text, and this column is date`],
  "a least value of a date": [ruled(`{ born: { min: 1 } }`), `min and max are for numbers and text, and this column is date`],
  "a misspelt key of a rule": [ruled(`{ age: { requird: true } }`), `'requird' does not exist`, `'required'`],
  "a destination's key that the rows do not have": [
    `pipeline({ name: "a", sources: [users], destinations: [{ ...out, write_mode: "upsert", key: "idd" }] })`,
    `'"idd"'`,
    `"id"`,
  ],
  "a destination's key of several, one of which the rows do not have": [
    `pipeline({ name: "a", sources: [users], transforms: [{ type: "select", columns: ["id", "age"] }],
      destinations: [{ type: "sqlite", path: "a.db", key: ["id", "email"] }] })`,
    `'"email"'`,
    `'"age" | "id"'`,
  ],
  "a typed destination's key that the rows do not have": [
    `pipeline({ name: "a", sources: [users], transforms: [{ type: "select", columns: ["id"] }],
      destinations: [typedDestination({ type: "sqlite", path: "a.db", key: "email" }, { id: "integer" })] })`,
    `"email"`,
    `"id"`,
  ],
  "a metric over a missing column in its filter": [
    steps(`{ type: "aggregate", metrics: { adults: "count(*) filter (where aeg >= 18)" } }`),
    `NoSuchColumn<"aeg", `,
  ],
  "a type that an expression gives": [
    into(`{ total: "integer" }`, `{ type: "aggregate", metrics: { total: "sum(age)" } }`),
    `RowsDoNotFit<{ readonly total: "is decimal, wanted is integer"; }>`,
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
  "all kinds of joins": `const users2 = { ...users, name: "users" } as const
    pipeline({ name: "a", sources: [users, lands], transforms: [{ type: "join", with: "lands", on: "age" }], destinations: [out] })
    pipeline({ name: "a", sources: [users, lands], transforms: [{ type: "join", with: "lands", on: ["age"], how: "full" }],
      destinations: [typedDestination(out, { id: "integer", age: "integer", email: "string", born: "date", code: "string" })] })
    pipeline({ name: "a", sources: [users2, lands], transforms: [{ type: "join", with: "lands", condition: "age > lands_age and code = email" }],
      destinations: [out] })
    pipeline({ name: "a", sources: [users, lands], transforms: [{ type: "join", with: "lands", on: { email: "code", age: "age" }, how: "anti" },
      { type: "select", columns: ["id"] }], destinations: [out] })
    pipeline({ name: "a", sources: [users, { type: "csv", path: "b.csv" }], transforms: [{ type: "join", with: "csv_2", on: { email: "any" } },
      { type: "select", columns: ["what"] }], destinations: [out] })
    pipeline({ name: "a", sources: [users, { type: "csv", name: "open" }], transforms: [{ type: "join", with: "open", on: ["email"],
      condition: "x > 1" }], destinations: [out] })`,
  "rules and keys": `pipeline({ name: "a", sources: [users], destinations: [{ type: "sqlite", path: "a.db", key: ["id", "email"] }, { ...out, key: "born" }],
      schema: { age: { type: "integer", min: 0, max: 150, on_violation: "reject" }, email: { format: "email", required: true, max: 3 },
        born: { required: true, enum: ["2025-01-31"] } } })
    pipeline({ name: "a", sources: [plain], destinations: [{ ...out, key: "any" }], schema: { any: { type: "date", min: 1 } } })
    pipeline({ name: "a", sources: [users], destinations: [{ ...out, rows: "tags", key: "_parent_id" }] })
    const rules: PipelineDefinition["schema"] = { any: { type: "date" } }
    const key: string = "any"
    pipeline({ name: "a", sources: [users], destinations: [{ ...out, key }], schema: rules })
    pipeline({ name: "a", sources: [users], destinations: [out], schema: Object.fromEntries([[key, { required: true }]]) })`,
  "conditions that take the type that is asked for": steps(
    `{ type: "filter", condition: "null" }`,
    `{ type: "filter", condition: "'true'" }`,
    `{ type: "filter", condition: "age in (1, 2) and not (email ~ 'x') or coalesce(born > now(), true)" }`,
  ),
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
  ...readFileSync(path.resolve(import.meta.dirname, "../../../../../docs/how-to/type-pipelines.md"), "utf8").matchAll(
    /^```ts\n([\s\S]*?)^```$/gm,
  ),
].map(([, text = ""]) => text)

/** What `deltaflow types` makes of the page's table. */
const guideRows = `import type { Decimal } from "@deltaflow/core"
export const shopOrdersOrdersColumns = { id: "integer", total: "decimal" } as const
export type ShopOrdersOrdersRow = { readonly id: number | bigint; readonly total: Decimal | null }
`

describe("the compiler", () => {
  const files = new Map([...Object.keys(mistakes), ...Object.keys(right)].map((name, i) => [name, `case${i}.ts`]))
  let messages: ReadonlyMap<string, string> = new Map()

  beforeAll(() => {
    const texts = [...files].map(([name, file]) => [file, `${opening}${mistakes[name]?.[0] ?? right[name]}\n`] as const)
    messages = compile({ ...Object.fromEntries(texts), "guide.ts": guide.join("\n"), "rows.ts": guideRows })
  }, 120_000)

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
    expect(guide).toHaveLength(3)
    expect(messages.get("guide.ts")).toBeUndefined()
  })

  it("finds nothing else in the package", () => {
    const known = new Set([...files.values(), "guide.ts"])
    expect([...messages].filter(([file]) => !known.has(file))).toEqual([])
  })
})
