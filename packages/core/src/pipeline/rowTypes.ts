/**
 * TypeScript for the rows of pipelines: for each source and behind the last step, the columns as `typedSource` and `typedDestination` take
 * them, and the row as JavaScript sees it. The same schemas give the same text, in whichever order the pipelines come.
 */
import { type ColumnSchema, type ColumnType, elementType, isArrayType, type ScalarType } from "../model/ColumnType.ts"
import type { Explanation } from "./explain.ts"

/** The first line of every such text. */
export const rowTypesHeader = "// Made by `deltaflow types` from the schemas of sources. Make it again when they change; do not edit it."

/** What one group of rows is called in the text. */
export interface RowTypeNames {
  /** `shopOrdersColumns`; null where the columns are not known. */
  readonly columns: string | null
  /** `ShopOrdersRow` */
  readonly row: string
}

export interface PipelineRowTypes {
  readonly pipeline: string
  readonly sources: ReadonlyArray<RowTypeNames & { readonly source: string }>
  /** The rows that each destination gets. */
  readonly rows: RowTypeNames
}

export interface RowTypes {
  readonly text: string
  readonly pipelines: ReadonlyArray<PipelineRowTypes>
}

/** One group of rows. */
interface Group {
  readonly base: string
  readonly about: string
  readonly use: "typedSource" | "typedDestination"
  readonly columns: ReadonlyArray<ColumnSchema> | null
}

/** Types for the rows of these pipelines, by what `engine.explain` says of each. */
export const rowTypes = (explanations: ReadonlyArray<Explanation>): RowTypes => {
  const sorted = explanations.toSorted((a, b) => (a.pipeline < b.pipeline ? -1 : 1))
  const names = new Names()
  // What destinations get is named first, so that no source takes such a name.
  const outputs = sorted.map((explanation) => outputGroup(explanation, names))
  const inputs = sorted.map((explanation) => explanation.sources.map((_, index) => sourceGroup(explanation, index, names)))
  const groups = sorted.flatMap((_, i) => [...inputs[i]!, outputs[i]!])
  const imports = [...new Set(groups.flatMap(importsOf))].toSorted()
  const head = imports.length === 0 ? [] : [`import type { ${imports.join(", ")} } from "@deltaflow/core"\n`]
  return {
    text: [rowTypesHeader, ...head, ...groups.flatMap(groupLines)].join("\n"),
    pipelines: sorted.map(({ pipeline, sources }, i) => ({
      pipeline,
      sources: sources.map(({ name }, index) => ({ source: name, ...namesOf(inputs[i]![index]!) })),
      rows: namesOf(outputs[i]!),
    })),
  }
}

const outputGroup = ({ pipeline, columns, steps }: Explanation, names: Names): Group => {
  const opaque = steps.find((step) => step.columns === null)
  const known =
    columns === null && opaque !== undefined ? `, which are known only when rows have gone through step ${opaque.index + 1}` : ""
  return {
    base: names.take(pascalCase(pipeline)),
    about: `the rows that the destinations of ${pipeline} get${known}`,
    use: "typedDestination",
    columns,
  }
}

const sourceGroup = ({ pipeline, sources }: Explanation, index: number, names: Names): Group => {
  const { name, type, columns } = sources[index]!
  const word = pascalCase(name)
  return {
    base: names.take(pascalCase(pipeline) + (word === "" ? `Source${index + 1}` : word)),
    about: `the rows of the source ${name} (${type}) of ${pipeline}`,
    use: "typedSource",
    columns,
  }
}

const namesOf = ({ base, columns }: Group): RowTypeNames => ({ columns: columns === null ? null : constantName(base), row: `${base}Row` })

const constantName = (base: string): string => `${base.charAt(0).toLowerCase()}${base.slice(1)}Columns`

/** Names that are taken. One that comes again gets a number behind it. */
class Names {
  private readonly taken = new Set<string>()

  take(wanted: string): string {
    const base = /^\p{ID_Start}/u.test(wanted) ? wanted : `_${wanted}`
    let name = base
    for (let count = 2; this.taken.has(name); count++) name = `${base}_${count}`
    this.taken.add(name)
    return name
  }
}

/** `shop-orders 2` is `ShopOrders2`; signs and emoji separate words. */
const pascalCase = (name: string): string =>
  name
    .split(/[^\p{ID_Continue}]+|_+/u)
    .map((word) => word.replace(/^./u, (first) => first.toUpperCase()))
    .join("")

const groupLines = ({ base, about, use, columns }: Group): ReadonlyArray<string> => {
  const text = comment(about)
  if (columns === null) return [`/** One of ${text}. */`, `export type ${base}Row = Row\n`]
  return [
    `/** Columns of ${text}, for \`${use}\`. */`,
    `export const ${constantName(base)} = ${block(columns.map(({ name, type }) => `${keyOf(name)}: "${type}",`))} as const\n`,
    `/** One of ${text}. */`,
    `export type ${base}Row = ${block(columns.map((column) => `readonly ${propertyOf(column.name)}: ${valueType(column)}`))}\n`,
  ]
}

const block = (lines: ReadonlyArray<string>): string => (lines.length === 0 ? "{}" : `{\n${lines.map((line) => `  ${line}\n`).join("")}}`)

/** A name within a comment: on one line, and not the comment's end. */
const comment = (text: string): string => text.replaceAll(/\s+/gu, " ").replaceAll("*/", "*\\/")

const PLAIN_NAME = /^[A-Za-z_$][\w$]*$/

const propertyOf = (name: string): string => (PLAIN_NAME.test(name) ? name : quoted(name))

/** In an object `__proto__` would set the prototype and be no key. */
const keyOf = (name: string): string => (name === "__proto__" ? `["__proto__"]` : propertyOf(name))

const quoted = (name: string): string =>
  JSON.stringify(name).replaceAll(/[\u007F\u0085\u2028\u2029\uFEFF]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`)

const VALUES: Readonly<Record<ScalarType, string>> = {
  boolean: "boolean",
  integer: "number | bigint",
  double: "number",
  decimal: "Decimal",
  string: "string",
  bytes: "Uint8Array",
  date: "string",
  time: "string",
  timestamp: "string",
  timestamptz: "string",
  interval: "Interval",
  uuid: "string",
  json: "unknown",
}

const IMPORTED: Partial<Record<ScalarType, string>> = { decimal: "Decimal", interval: "Interval" }

const valueType = ({ type, nullable }: ColumnSchema): string => {
  const value = isArrayType(type) ? `ReadonlyArray<${orNull(VALUES[elementType(type)])}>` : VALUES[type]
  return nullable ? orNull(value) : value
}

const orNull = (value: string): string => (value === "unknown" ? value : `${value} | null`)

const importsOf = ({ columns }: Group): ReadonlyArray<string> => {
  if (columns === null) return ["Row"]
  return columns.flatMap(({ type }) => IMPORTED[scalarOf(type)] ?? [])
}

const scalarOf = (type: ColumnType): ScalarType => (isArrayType(type) ? elementType(type) : type)
