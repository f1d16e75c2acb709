/** Prints a definition as YAML. Reading it back gives the same definition. */
import { Document, isScalar, visit } from "yaml"
import type { PipelineDefinition } from "./Definition.ts"
import { Pipeline } from "./Definition.ts"
import { formatPath, isMapping, type Path } from "./path.ts"

/** Keys come in the order of the documentation. Throws `TypeError` for what only code can hold, such as the rows of a `memory` source. */
export const printDefinition = (definition: PipelineDefinition): string => {
  const data = printable(inOrder(definition), [])
  const document = new Document(data, { version: "1.2", aliasDuplicateObjects: false })
  visit(document, {
    Scalar: (_, node) => {
      // 1.1 readers take these for truth values and merge keys, and some editors are such readers.
      if (isScalar(node) && typeof node.value === "string" && /^(y|n|yes|no|on|off|<<)$/i.test(node.value)) node.type = "QUOTE_DOUBLE"
    },
  })
  return document.toString({ lineWidth: 0 })
}

const inOrder = (definition: PipelineDefinition): Readonly<Record<string, unknown>> => {
  const known = Object.keys(Pipeline.fields)
  const place = (key: string) => (known.includes(key) ? known.indexOf(key) : known.length)
  return Object.fromEntries(Object.entries(definition).toSorted(([a], [b]) => place(a) - place(b)))
}

const printable = (value: unknown, path: Path): unknown => {
  if (value === null || typeof value === "string" || typeof value === "boolean" || typeof value === "number") return value
  if (Array.isArray(value)) return value.map((item, i) => printable(item, [...path, i]))
  if (!isMapping(value))
    throw new TypeError(
      `${formatPath(path)}: ${typeof value === "function" ? "a function" : "an instance of a class"} has no form in YAML. Keep it in code.`,
    )
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  return Object.fromEntries(entries.map(([key, inner]) => [key, printable(inner, [...path, key])]))
}
