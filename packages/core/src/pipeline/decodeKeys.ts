/** Decodes a mapping key by key, so that a mistake in one key hides no mistake in another. */
import type * as Schema from "effect/Schema"
import { isMapping, type Path, valueAt, withValueAt } from "./path.ts"
import { missingKey, type Problem, unknownKey, wrongValue } from "./problem.ts"
import { decodeWith, descriptionOf, type Outcome } from "./schemaProblems.ts"
import { pathKey } from "./variables.ts"

export type Fields = Readonly<Record<string, Schema.ConstraintDecoder<unknown>>>

export type Decoded<F extends Fields> = { readonly [K in keyof F]?: F[K]["Type"] }

export interface DecodeContext {
  /** Collects what is wrong. */
  readonly report: (problems: ReadonlyArray<Problem>) => void
  /** Paths of texts that are one variable and nothing else. */
  readonly whole: ReadonlySet<string>
}

export interface KeyOptions {
  /** Whether keys beside those of the fields belong to somebody else. Default: they are unknown. */
  readonly others?: "allowed" | "unknown"
  /** Keys whose values are decoded by somebody else: here it only counts that they are there. */
  readonly elsewhere?: ReadonlyArray<string>
}

/** The keys that could be decoded. */
export const decodeKeys = <F extends Fields>(
  fields: F,
  value: Readonly<Record<string, unknown>>,
  path: Path,
  context: DecodeContext,
  { others = "unknown", elsewhere = [] }: KeyOptions = {},
): Decoded<F> => {
  const decoded: Record<string, unknown> = {}
  for (const [key, schema] of Object.entries(fields)) {
    const place = [...path, key]
    if (Object.hasOwn(value, key)) {
      if (elsewhere.includes(key)) continue
      const outcome = withNumbers(value[key], place, context.whole, (inner) => decodeWith(schema, inner, place))
      if (outcome.ok) decoded[key] = outcome.value
      else context.report(outcome.problems)
    } else if (schema.ast.context?.isOptional !== true) context.report([missingKey(place, descriptionOf(schema.ast))])
  }
  if (others === "unknown") context.report(keysBeside(fields, value).map((key) => unknownKey([...path, key], Object.keys(fields))))
  return decoded
}

export const keysBeside = (fields: Fields, value: Readonly<Record<string, unknown>>): ReadonlyArray<string> =>
  Object.keys(value).filter((key) => !Object.hasOwn(fields, key))

/**
 * Where a text that is one variable is refused and reads as a number or a truth value, tries that: `${PORT}` is text in the environment,
 * and a port is a number. Text stays text wherever text is wanted.
 */
export const withNumbers = <A>(
  value: unknown,
  path: Path,
  whole: ReadonlySet<string>,
  decode: (value: unknown) => Outcome<A>,
): Outcome<A> => {
  const first = decode(value)
  const other = first.ok ? undefined : asNumbers(value, path, whole, first.problems)
  return other === undefined ? first : better(first, decode(other.value))
}

/** The same for plugins, whose checks may take their time. */
export const withNumbersAsync = async <A>(
  value: unknown,
  path: Path,
  whole: ReadonlySet<string>,
  decode: (value: unknown) => Promise<Outcome<A>>,
): Promise<Outcome<A>> => {
  const first = await decode(value)
  const other = first.ok ? undefined : asNumbers(value, path, whole, first.problems)
  return other === undefined ? first : better(first, await decode(other.value))
}

const better = <A>(first: Outcome<A>, second: Outcome<A>): Outcome<A> =>
  second.ok || (!first.ok && second.problems.length < first.problems.length) ? second : first

const asNumbers = (
  value: unknown,
  path: Path,
  whole: ReadonlySet<string>,
  problems: ReadonlyArray<Problem>,
): { readonly value: unknown } | undefined => {
  let changed = value
  let count = 0
  for (const problem of problems) {
    if (!whole.has(pathKey(problem.path))) continue
    const inside = problem.path.slice(path.length)
    const read = readPlain(valueAt(changed, inside))
    if (read === undefined) continue
    changed = withValueAt(changed, inside, read)
    count++
  }
  return count === 0 ? undefined : { value: changed }
}

const readPlain = (text: unknown): number | boolean | undefined => {
  if (text === "true" || text === "false") return text === "true"
  return typeof text === "string" && /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined
}

/** The value as a mapping, or a report and nothing. */
export const asMapping = (
  value: unknown,
  path: Path,
  expected: string,
  context: DecodeContext,
): Readonly<Record<string, unknown>> | undefined => {
  if (isMapping(value)) return value
  context.report([wrongValue(path, expected, value)])
  return undefined
}

/** The value as a list, or a report and nothing. */
export const asList = (value: unknown, path: Path, expected: string, context: DecodeContext): ReadonlyArray<unknown> | undefined => {
  if (Array.isArray(value)) return value
  context.report([wrongValue(path, expected, value)])
  return undefined
}
