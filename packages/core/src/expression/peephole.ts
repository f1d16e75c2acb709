/**
 * Places where generated code looks at a field's bytes rather than at its value. Each gives exactly what decoding would have given: where
 * the bytes are not of the one form that is looked for, the field is decoded after all.
 */
import type { Value } from "../model/Value.ts"
import { Decimal } from "../model/Decimal.ts"
import { JsonKind } from "../text/TextRows.ts"
import type { CsvTextField, Emitter, JsonTextField, TextField } from "./Emitter.ts"
import { reviveLiteral } from "./literals.ts"
import type { CallNode, CompareNode, ComparisonOperator, Node } from "./Node.ts"

const SWAPPED: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  "=": "=",
  "<>": "<>",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
}

/** Source for each outcome of a test: it is true, it is false, or the value with null. Undefined where bytes do not help. */
export interface ByteTest {
  /** Truthy where the test holds. */
  readonly holds: string
  /** Truthy where it does not hold and the field is not null. */
  readonly fails: string
}

/** A comparison of a column with a constant, the constant on the right. */
interface ColumnAndConstant {
  readonly operator: ComparisonOperator
  readonly column: number
  readonly type: string
  readonly constant: Value
}

/** Casts that do not change what digits say. */
const WIDENING: ReadonlySet<string> = new Set(["integerToDecimal"])

const bareColumn = (node: Node): Extract<Node, { kind: "column" }> | undefined => {
  if (node.kind === "column") return node
  const [arg] = node.kind === "call" && WIDENING.has(node.name) ? node.args : []
  return arg?.kind === "column" ? arg : undefined
}

const columnAndConstant = ({ operator, left, right }: CompareNode): ColumnAndConstant | undefined => {
  const [node, other, sign] = right.kind === "constant" ? ([left, right, operator] as const) : ([right, left, SWAPPED[operator]] as const)
  const column = bareColumn(node)
  if (column === undefined || other.kind !== "constant") return undefined
  const value = reviveLiteral(other.value, other.type)
  return value === null ? undefined : { operator: sign, column: column.index, type: column.type, constant: value }
}

const quoteByte = (field: CsvTextField, bytes: Uint8Array): boolean => field.quotes && bytes[0] === field.quote

/** Whether null texts of the file can be mistaken for what the bytes are tested for. */
const hasOddNulls = ({ nulls, ...field }: CsvTextField): boolean => nulls.some((text) => quoteByte({ ...field, nulls }, text))

const startsLikeNumber = ({ nulls }: CsvTextField): boolean =>
  nulls.some((text) => text.length > 0 && (text[0] === 45 || isDigit(text[0]!)))

const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57

/** Source that says whether the CSV field is null. */
const csvNull = ({ nulls, buffer }: CsvTextField, start: string, end: string, emitter: Emitter): string => {
  if (nulls.length === 0) return "false"
  const tests = nulls.map((text) => bytesAre(text, buffer, start, end, 0, emitter))
  return tests.length === 1 ? tests[0]! : `(${tests.join(" || ")})`
}

/** More bytes than this are compared by a call. */
const MOST_INLINE = 16

/** Source that says whether the text from `start` + `skip` has just these bytes, and `skip` bytes before and after them. */
const bytesAre = (bytes: Uint8Array, buffer: string, start: string, end: string, skip: number, emitter: Emitter): string => {
  const length = `${end} - ${start} === ${bytes.length + 2 * skip}`
  if (bytes.length > MOST_INLINE) {
    return `(${length} && ${emitter.runtime("sameBytes")}(${buffer}, ${start} + ${skip}, ${emitter.constant(bytes)}))`
  }
  const each = Array.from(bytes, (byte, i) => `${buffer}[${start}${i + skip === 0 ? "" : ` + ${i + skip}`}] === ${byte}`)
  return `(${[length, ...each].join(" && ")})`
}

/** The ends of a field in variables, so that they are read once. */
const endsOf = (field: TextField, emitter: Emitter): { readonly set: string; readonly start: string; readonly end: string } => {
  const [start, end] = [emitter.local(), emitter.local()]
  return { set: `${start} = ${field.start}, ${end} = ${field.end}`, start, end }
}

/** Text that bytes that are no UTF-8 decode to: a field of it may be spelled in several ways. */
const REPLACEMENT = "\ufffd"

/** A string column against constants: `=`, `<>` and `IN`. */
export const textTest = (column: number, texts: ReadonlyArray<string>, emitter: Emitter): ByteTest | undefined => {
  const field = emitter.textField?.(column)
  if (field === undefined || texts.length > MOST_TEXTS || texts.some((text) => text.includes(REPLACEMENT))) return undefined
  const bytes = texts.map((text) => new TextEncoder().encode(text))
  return field.format === "csv" ? csvTextTest(field, bytes, emitter) : jsonTextTest(field, column, texts, bytes, emitter)
}

const MOST_TEXTS = 8

const csvTextTest = (field: CsvTextField, texts: ReadonlyArray<Uint8Array>, emitter: Emitter): ByteTest | undefined => {
  // A quote within a quoted field is doubled, and a null text that looks quoted would be taken for a text.
  if (hasOddNulls(field) || (field.quotes && texts.some((text) => text.includes(field.quote)))) return undefined
  const { set, start, end } = endsOf(field, emitter)
  const { buffer, quote, quotes, nulls } = field
  const isNullText = (text: Uint8Array): boolean => nulls.some((other) => Buffer.compare(other, text) === 0)
  const tests = texts.flatMap((text) => {
    const plain = isNullText(text) ? [] : [bytesAre(text, buffer, start, end, 0, emitter)]
    return quotes ? [...plain, `(${buffer}[${start}] === ${quote} && ${bytesAre(text, buffer, start, end, 1, emitter)})`] : plain
  })
  const any = tests.length === 0 ? "false" : tests.join(" || ")
  return { holds: `(${set}, ${any})`, fails: `(${set}, !(${csvNull(field, start, end, emitter)}) && !(${any}))` }
}

const jsonTextTest = (
  field: JsonTextField,
  column: number,
  texts: ReadonlyArray<string>,
  bytes: ReadonlyArray<Uint8Array>,
  emitter: Emitter,
): ByteTest => {
  const { set, start, end } = endsOf(field, emitter)
  const kind = emitter.local()
  const any = bytes.map((text) => bytesAre(text, field.buffer, start, end, 1, emitter)).join(" || ")
  const value = emitter.column(column)
  const decoded = texts.length === 1 ? `${value} === ${emitter.constant(texts[0])}` : `${emitter.constant(new Set(texts))}.has(${value})`
  const get = `${kind} = ${field.kind}`
  const isString = `${kind} === ${JsonKind.string}`
  const isPresent = `${kind} > ${JsonKind.null}`
  return {
    holds: `(${get}, ${isString} ? (${set}, ${any}) : ${isPresent} && ${decoded})`,
    fails: `(${get}, ${isString} ? (${set}, !(${any})) : ${isPresent} && !(${decoded}))`,
  }
}

const ORDER_SIGNS: Readonly<Record<ComparisonOperator, string>> = { "=": "===", "<>": "!==", "<": "<", "<=": "<=", ">": ">", ">=": ">=" }

/** The comparison of a number column with a constant. `slow` gives the source that decodes. */
export const numberTest = (node: CompareNode, operator: ComparisonOperator, slow: string, emitter: Emitter): string | undefined => {
  const parts = columnAndConstant(node)
  const field = parts === undefined ? undefined : emitter.textField?.(parts.column)
  if (parts === undefined || field === undefined || (field.format === "csv" && startsLikeNumber(field))) return undefined
  const compare = numberComparison(parts, emitter)
  if (compare === undefined) return undefined
  const sign = node.right.kind === "constant" ? operator : SWAPPED[operator]
  const order = emitter.local()
  return `((${order} = ${compare(field)}) !== 2 ? ${order} ${ORDER_SIGNS[sign]} 0 : ${slow})`
}

type FieldSource = (field: TextField) => string

const MOST_EXACT = 10 ** 15

const numberComparison = ({ type, constant }: ColumnAndConstant, emitter: Emitter): FieldSource | undefined => {
  if (type === "double") {
    if (typeof constant !== "number" || constant !== constant) return undefined
    return (field) => `${emitter.runtime("compareDoubleField")}(${spanOf(field)}, ${emitter.constant(constant)})`
  }
  if (type !== "integer" && type !== "decimal") return undefined
  const { coefficient, scale } = constant instanceof Decimal ? constant : { coefficient: constant, scale: 0 }
  if (typeof coefficient !== "number" || !(Math.abs(coefficient) < MOST_EXACT) || scale > 15) return undefined
  const name = emitter.runtime(type === "integer" ? "compareIntegerField" : "compareDecimalField")
  return (field) => `${name}(${spanOf(field)}, ${coefficient}, ${scale})`
}

const spanOf = ({ buffer, start, end }: TextField): string => `${buffer}, ${start}, ${end}`

/** The text between the quotes of a JSON string. */
const innerSpan = (field: TextField): string =>
  field.format === "csv" ? spanOf(field) : `${field.buffer}, ${field.start} + 1, ${field.end} - 1`

const isPlainText = (field: TextField): string => (field.format === "csv" ? "" : `${field.kind} === ${JsonKind.string} ? `)

const ISO_PARTS: Readonly<Record<string, number>> = { year: 0, month: 1, day: 2 }
const STAMP_READERS: ReadonlySet<string> = new Set(["textToTimestamp", "textToTimestamptz", "textToDate"])
const STAMPS: ReadonlySet<string> = new Set(["timestamp", "timestamptz", "date"])

/** EXTRACT(YEAR, MONTH or DAY) of a column: source that gives a whole number, or -1 where the column has to be decoded. */
const isoPart = ({ name, args }: CallNode, emitter: Emitter): string | undefined => {
  const [field, source] = args
  if ((name !== "extract" && name !== "extractDouble") || field?.kind !== "prepare" || source === undefined) return undefined
  const [unit] = field.args
  const part = unit?.kind === "constant" && typeof unit.value === "string" ? ISO_PARTS[unit.value.toLowerCase()] : undefined
  const inner = source.kind === "call" && STAMP_READERS.has(source.name) ? source.args[0]! : source
  if (part === undefined || inner.kind !== "column" || !(inner === source ? STAMPS : TEXT).has(inner.type)) return undefined
  const text = emitter.textField?.(inner.index)
  if (text === undefined || (text.format === "csv" && startsLikeNumber(text))) return undefined
  // A date column holds no time of day; a text that is read as a date may.
  const longest = inner.type === "date" ? 10 : LONGEST_STAMP
  const test = isPlainText(text)
  const call = `${emitter.runtime("isoField")}(${innerSpan(text)}, ${part}, ${longest})`
  return test === "" ? call : `(${test}${call} : -1)`
}

const LONGEST_STAMP = 27
const TEXT: ReadonlySet<string> = new Set(["string"])

/** Calls that read bytes. `slow` gives the source that decodes. */
export const callOnBytes = (node: CallNode, slow: () => string, emitter: Emitter): string | undefined => {
  const part = isoPart(node, emitter)
  if (part !== undefined) {
    const value = emitter.local()
    const found = node.name === "extract" ? `${emitter.runtime("wholeDecimal")}(${value})` : value
    return `((${value} = ${part}) >= 0 ? ${found} : ${slow()})`
  }
  if (node.name !== "decimalToInteger") return undefined
  const [arg] = node.args
  const inner = arg?.kind === "call" ? isoPart(arg, emitter) : undefined
  if (inner !== undefined) {
    const value = emitter.local()
    return `((${value} = ${inner}) >= 0 ? ${value} : ${slow()})`
  }
  const product = arg === undefined ? undefined : multiplied(arg, emitter)
  if (product === undefined) return undefined
  const value = emitter.local()
  return `((${value} = ${product}) === ${value} ? ${value} : ${slow()})`
}

/** A decimal column, alone or times a constant, as it is rounded to a whole number. */
const multiplied = (node: Node, emitter: Emitter): string | undefined => {
  const args: ReadonlyArray<Node> = node.kind === "call" && node.name === "multiplyDecimal" ? node.args : [node]
  const column = args.find((arg) => arg.kind === "column")
  const factor = args.find((arg) => arg.kind === "constant")
  if (column === undefined || column.type !== "decimal" || (args.length === 2 && factor === undefined)) return undefined
  const value = factor === undefined ? new Decimal(1, 0) : reviveLiteral(factor.value, "decimal")
  const field = emitter.textField?.(column.index)
  if (!(value instanceof Decimal) || field === undefined || (field.format === "csv" && startsLikeNumber(field))) return undefined
  const { coefficient, scale } = value
  if (typeof coefficient !== "number" || !(Math.abs(coefficient) < MOST_EXACT) || scale > 15) return undefined
  return `${emitter.runtime("multipliedField")}(${spanOf(field)}, ${coefficient}, ${scale})`
}

/** `=` and `<>` of a text column with a constant. */
export const textComparison = (node: CompareNode, emitter: Emitter): ByteTest | undefined => {
  const parts = columnAndConstant(node)
  if (parts === undefined || parts.type !== "string" || typeof parts.constant !== "string" || !["=", "<>"].includes(node.operator))
    return undefined
  const test = textTest(parts.column, [parts.constant], emitter)
  return test === undefined || node.operator === "=" ? test : { holds: test.fails, fails: test.holds }
}
