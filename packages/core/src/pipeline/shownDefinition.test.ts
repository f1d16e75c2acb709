import { expect, it } from "vitest"
import { defineDestination } from "../contract/define.ts"
import { rowsSource } from "../../test/memoryPlugins.ts"
import { secretJsonSchema } from "./secret.ts"
import { hiddenText, restoreSecrets } from "./shownDefinition.ts"
import { hideSecrets } from "./secretFields.ts"
import type { PipelineDefinition } from "./Definition.ts"

const warehouse = {
  ...defineDestination({
    type: "warehouse",
    summary: "",
    config: { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } },
    delivery: "none",
    writeModes: ["append"],
    open: () => ({ label: "warehouse", commitsEarly: true, write: () => undefined, commit: () => ({}) }),
  }),
  jsonSchema: { type: "object", properties: { password: secretJsonSchema, url: { type: "string" } } },
}

const plugins = [rowsSource([]), warehouse]

const text = `# Who reads this?
name: orders # the shop's
sources: [{ type: rows }]
destinations:
  - type: warehouse
    url: https://example.com
    password: "hunter2 # not a comment"   # ask Ada
  - { type: warehouse, name: other, password: \${OTHER} }
  - type: warehouse
    name: third
    password: >-
      two
      lines
`

const definition: PipelineDefinition = {
  name: "orders",
  sources: [{ type: "rows" }],
  destinations: [
    { type: "warehouse", url: "https://example.com", password: "hunter2 # not a comment" },
    { type: "warehouse", name: "other", password: "${OTHER}" },
    { type: "warehouse", name: "third", password: "two lines" },
  ],
}

it("hides the secrets of a text and leaves everything else as it is written", () => {
  const hidden = hiddenText(text, definition, plugins)
  expect(hidden).toBe(
    text.replace('"hunter2 # not a comment"', '"***"').replace("    password: >-\n      two\n      lines\n", '    password: "***"\n'),
  )
})

it("puts back what was hidden, where it stood, in the text and in the definition", () => {
  const hidden = hideSecrets(definition, plugins)
  expect(JSON.stringify(hidden)).not.toContain("hunter2")
  const restored = restoreSecrets(hidden, hiddenText(text, definition, plugins), definition, plugins)
  expect(restored.definition).toEqual(definition)
  expect(restored.text).toContain('password: "hunter2 # not a comment"   # ask Ada')
  expect(restored.unknown).toEqual([])
})

it("names the places where nothing was hidden before", () => {
  const { unknown, definition: kept } = restoreSecrets(hideSecrets(definition, plugins), null, undefined, plugins)
  expect(unknown).toEqual([
    ["destinations", 0, "password"],
    ["destinations", 2, "password"],
  ])
  expect(kept.destinations[0]).toMatchObject({ password: "***" })
})
