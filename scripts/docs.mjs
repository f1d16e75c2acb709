/**
 * Makes the generated parts of the documentation: `docs/reference/` from the schemas and tables in the code, and the snippets of the README
 * from `examples/`.
 *
 * `--check` writes nothing and fails where something is stale. Runs on the sources: `node --conditions=source scripts/docs.mjs`.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"

const root = path.resolve(import.meta.dirname, "..")
const isCheck = process.argv.includes("--check")

if (!process.execArgv.includes("--conditions=source")) {
  const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning"]
  const { status } = spawnSync(process.execPath, [...flags, ...process.argv.slice(1)], { stdio: "inherit" })
  process.exit(status ?? 1)
}

/**
 * @typedef {{ type?: string, enum?: ReadonlyArray<unknown>, const?: unknown, anyOf?: ReadonlyArray<Node>, $ref?: string, description?:
 * string, properties?: Record<string, Node>, items?: Node, required?: ReadonlyArray<string>, additionalProperties?: boolean | Node, allOf?:
 * ReadonlyArray<{ if: Node, then: Node }>, definitions?: Record<string, Node> }} Node
 */

const { builtins } = await import(path.join(root, "packages/connectors/src/index.ts"))
const { duckdb } = await import(path.join(root, "packages/duckdb/src/index.ts"))
const { pipelineJsonSchema } = await import(path.join(root, "packages/core/src/pipeline/JsonSchema.ts"))
const { testJsonSchema } = await import(path.join(root, "packages/core/src/pipeline/testing/index.ts"))
const { errorCodes } = await import(path.join(root, "packages/core/src/contract/errorCodes.ts"))
const { commands } = await import(path.join(root, "packages/cli/src/commands.ts"))
const { commandHelp } = await import(path.join(root, "packages/cli/src/help.ts"))
const { httpApiPage } = await import(path.join(root, "scripts/httpApiPage.mjs"))
const { expressionsPage } = await import(path.join(root, "scripts/expressionsPage.mjs"))

/** @type {Node} */
const schema = pipelineJsonSchema([...builtins, ...duckdb])

/** @param {Node} node @returns {Node} */
const resolved = (node) => {
  if (node.$ref === undefined) return node
  const target = node.$ref
    .split("/")
    .slice(1)
    .reduce((/** @type {any} */ at, key) => at[key], schema)
  return { ...resolved(target), ...(node.description === undefined ? {} : { description: node.description }) }
}

/** The kind of value in words. @param {Node} node @returns {string} */
const kindOf = (node) => {
  const { type, enum: values, anyOf, items, const: only } = resolved(node)
  if (only !== undefined) return `\`${String(only)}\``
  if (values !== undefined) return values.map((value) => `\`${String(value)}\``).join(", ")
  if (anyOf !== undefined) return [...new Set(anyOf.filter((part) => part.$ref !== "#/definitions/variable").map(kindOf))].join(" or ")
  if (type === "array") return items === undefined ? "list" : `list of ${kindOf(items)}`
  return { object: "mapping", string: "text", integer: "whole number", boolean: "true or false" }[type ?? ""] ?? type ?? "any"
}

/** @param {string} text */
const cell = (text) => text.replaceAll("|", String.raw`\|`).replaceAll("\n", " ")

/** @param {Node} node @param {(name: string) => boolean} [isShown] */
const keyTable = (node, isShown = () => true) => {
  const { properties = {}, required = [] } = resolved(node)
  const rows = Object.entries(properties)
    .filter(([name]) => isShown(name))
    .map(
      ([name, key]) =>
        `| \`${name}\`${required.includes(name) ? " (required)" : ""} | ${cell(kindOf(key))} | ${cell(resolved(key).description ?? "")} |`,
    )
  return rows.length === 0 ? "No keys of its own.\n" : ["| key | value | meaning |", "|---|---|---|", ...rows, ""].join("\n")
}

/** The branches of a list of plugins or steps, by type. @param {string} key */
const branches = (key) =>
  (resolved(schema.properties?.[key] ?? {}).items?.allOf ?? []).map(({ if: test, then }) => ({
    type: String(test.properties?.["type"]?.const),
    node: then,
  }))

const made = "<!-- Made by `pnpm run docs` from the code. Change the descriptions there. -->\n"

const sharedKeys = (/** @type {string} */ name) => Object.keys(schema.definitions?.[name]?.properties ?? {})

const pipelinePage = () => {
  const nested = ["defaults", "error_handling", "scheduler", "notifications", "monitoring", "logging", "events", "plugins", "auth"]
  return [
    "# The pipeline file",
    made,
    "Keys of `deltaflow.yml` and `pipelines/*.yml`. Durations are seconds or text such as `500ms`, `10s`, `5m`; sizes are bytes or text such as `256mb`.\n",
    keyTable(schema),
    ...nested
      .filter((key) => resolved(schema.properties?.[key] ?? {}).properties !== undefined)
      .flatMap((key) => [`## ${key}`, "", keyTable(schema.properties?.[key] ?? {})]),
    "## Keys of every source\n",
    keyTable(schema.definitions?.["source"] ?? {}),
    "## Keys of every destination\n",
    keyTable(schema.definitions?.["destination"] ?? {}),
    "## Steps\n",
    ...branches("transforms").flatMap(({ type, node }) => [
      `### ${type}`,
      "",
      `${node.description ?? ""}\n`,
      keyTable(node, (name) => name !== "type" && name !== "name"),
    ]),
  ].join("\n")
}

const connectorsPage = () => {
  const part = (/** @type {string} */ key, /** @type {string} */ one) =>
    branches(key).flatMap(({ type, node }) => {
      const shared = new Set(["type", ...sharedKeys(one)])
      return [`### ${type} (${one})`, "", `${node.description ?? ""}.\n`, keyTable(node, (name) => !shared.has(name))]
    })
  const intro =
    "Keys that every source and every destination has are in [the pipeline file](pipeline-file.md). Paths are relative to the project.\n"
  return [
    "# Connectors",
    made,
    intro,
    "## Sources\n",
    ...part("sources", "source"),
    "## Destinations\n",
    ...part("destinations", "destination"),
  ].join("\n")
}

/** The mapping among the forms that a value may have. @param {Node | undefined} node @returns {Node} */
const mappingOf = (node) => (node?.anyOf ?? []).find(({ properties }) => properties !== undefined) ?? node ?? {}

const testsPage = () => {
  /** @type {Node} */
  const file = testJsonSchema()
  const test = resolved(file.properties?.["tests"] ?? {}).items ?? {}
  const fixture = test.properties?.["fixtures"]?.additionalProperties
  const expectation = mappingOf(test.properties?.["expect"])
  const intro =
    "Keys of the files `tests/**/*.test.yml` (or `.yaml`, `.json`) that `deltaflow test` runs; `testPipeline` takes those of a test. How to write " +
    "them: [test pipelines](../how-to/test-pipelines.md). Editors get them from `deltaflow schema --tests`.\n"
  return [
    "# The test file",
    made,
    intro,
    keyTable(file),
    "## A test\n",
    keyTable(test),
    "## A fixture\n",
    "A list of rows, or a mapping:\n",
    keyTable(mappingOf(typeof fixture === "object" ? fixture : undefined)),
    "## One of several runs\n",
    keyTable(resolved(test.properties?.["runs"] ?? {}).items ?? {}),
    "## An expectation\n",
    "Of an expectation, or a list of them:\n",
    keyTable(expectation),
    "## equals\n",
    "A list of rows, or a mapping:\n",
    keyTable(mappingOf(expectation.properties?.["equals"])),
  ].join("\n")
}

const errorsPage = () =>
  [
    "# Errors",
    made,
    "Every error has one of these codes, in the library, on the command line and in stored runs.\n",
    "| code | meaning |",
    "|---|---|",
    ...Object.entries(errorCodes).map(([code, text]) => `| \`${code}\` | ${cell(String(text))} |`),
    "",
  ].join("\n")

const commandsPage = () =>
  [
    "# The command line",
    made,
    ...commands.flatMap((/** @type {any} */ command) => [`## ${command.name}`, "", "```", commandHelp(command), "```", ""]),
  ].join("\n")

/**
 * Fills each `<!-- path -->` with a fence after it from the file; `path#name` takes what is exported under that name, or the region of that
 * name. @param {string} text
 */
const withSnippets = (text) =>
  text.replaceAll(/<!-- (examples\/[\w./-]+)(#\w+)? -->\n```(\w+)\n[\s\S]*?```/g, (_, file, name, language) => {
    const code = readFileSync(path.join(root, file), "utf8").trimEnd()
    const shown = name === undefined ? code : partOf(code, name.slice(1))
    return `<!-- ${file}${name ?? ""} -->\n\`\`\`${language}\n${shown}\n\`\`\``
  })

/** @param {string} code @param {string} name */
const partOf = (code, name) => {
  const lines = code.split("\n")
  const region = lines.indexOf(`// #region ${name}`)
  if (region >= 0) return lines.slice(region + 1, lines.indexOf("// #endregion", region)).join("\n")
  const from = lines.findIndex((line) => line.startsWith(`export const ${name} `))
  const to = lines.findIndex((line, i) => i > from && /^[})]/.test(line))
  if (from < 0 || to < 0) throw new Error(`there is no export and no region ${name}`)
  return lines.slice(from, to + 1).join("\n")
}

const pages = {
  "docs/reference/pipeline-file.md": pipelinePage(),
  "docs/reference/connectors.md": connectorsPage(),
  "docs/reference/test-file.md": testsPage(),
  "docs/reference/errors.md": errorsPage(),
  "docs/reference/expressions.md": await expressionsPage(root, made),
  "docs/reference/command-line.md": commandsPage(),
  "docs/reference/http-api.md": await httpApiPage(root, made),
  ...Object.fromEntries(
    ["README.md", "docs/tutorial.md", ...readdirSync(path.join(root, "docs/how-to")).map((file) => `docs/how-to/${file}`)].map((file) => [
      file,
      withSnippets(readFileSync(path.join(root, file), "utf8")),
    ]),
  ),
}

let stale = 0
for (const [file, text] of Object.entries(pages)) {
  const target = path.join(root, file)
  const before = existsSync(target) ? readFileSync(target, "utf8") : ""
  const after = `${text.trimEnd()}\n`
  if (before === after) continue
  stale++
  if (isCheck) process.stderr.write(`${file} is stale. Run pnpm run docs.\n`)
  else {
    mkdirSync(path.dirname(target), { recursive: true })
    writeFileSync(target, after)
    process.stdout.write(`${file}\n`)
  }
}
process.exitCode = isCheck && stale > 0 ? 1 : 0
