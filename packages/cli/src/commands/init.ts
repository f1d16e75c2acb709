/** `deltaflow init`: a project that runs as it is. Nothing that is there is overwritten. */
import { existsSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import path from "node:path"
import { createEngine } from "@deltaflow/core"
import { testJsonSchema } from "@deltaflow/core/testing"
import { knownPlugins } from "../knownPlugins.ts"
import { type Invocation, isSet, type RunCommand, textFlag, UsageError } from "../Command.ts"
import { type Template, templateNames, templates } from "../templates.ts"

export const run: RunCommand = async (invocation) => {
  const template = chosenTemplate(invocation)
  const root = path.resolve(invocation.cwd, invocation.operands[0] ?? ".")
  const schemas = { [SCHEMA_FILE]: await editorSchema(), [TESTS_SCHEMA_FILE]: testJsonSchema() }
  const texts = Object.entries(schemas).map(([name, schema]) => [name, `${JSON.stringify(schema, null, 2)}\n`])
  const files = { ...template.files, ...(Object.fromEntries(texts) as Record<string, string>) }
  // All are looked at before the first is written, so that a refusal leaves no half of a project.
  const taken = Object.keys(files).find((name) => existsSync(path.join(root, name)))
  if (taken !== undefined) {
    throw new UsageError(
      `${path.join(root, taken)} is there already, and init overwrites nothing. Choose an empty folder: deltaflow init my-pipelines.`,
    )
  }
  for (const [name, text] of Object.entries(files)) await writeNew(path.join(root, name), text)
  sayDone(invocation, root, Object.keys(files))
  return 0
}

const SCHEMA_FILE = ".deltaflow/schema.json"
const TESTS_SCHEMA_FILE = ".deltaflow/tests.schema.json"

const chosenTemplate = (invocation: Invocation): Template => {
  const name = textFlag(invocation, "template") ?? templateNames[0]!
  const template = templates[name]
  if (template === undefined) throw new UsageError(`there is no template ${name}. Choose ${templateNames.join(" or ")}.`)
  return template
}

const editorSchema = async (): Promise<unknown> => {
  await using engine = createEngine({ plugins: await knownPlugins() })
  return await engine.jsonSchema()
}

/** `wx` fails where the file came in between. */
const writeNew = async (file: string, text: string): Promise<void> => {
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, text, { flag: "wx" })
}

const sayDone = (invocation: Invocation, root: string, files: ReadonlyArray<string>): void => {
  const { terminal, cwd } = invocation
  if (isSet(invocation, "json")) return terminal.data(JSON.stringify({ root, files }))
  for (const file of files) terminal.say(`${terminal.style("green", "✓")} ${file}`)
  const folder = path.relative(cwd, root)
  terminal.say(`\nNext: ${folder === "" ? "" : `cd ${folder} && `}deltaflow run`)
}
