/** Child tables of a `flatten` step: what is wrong with them, what they are with their defaults, and which destinations take them. */
import { didYouMean } from "../model/nearestName.ts"
import type { ChildTable } from "../transform/Step.ts"
import { listOfNames } from "./decodeConnectors.ts"
import type { BuiltinStep } from "./DecodedPipeline.ts"
import type { Path } from "./path.ts"
import { missingKey, type Problem } from "./problem.ts"

type Written = NonNullable<Extract<BuiltinStep, { readonly type: "flatten" }>["children"]>

type WrittenTable = Written[string]

/** With defaults, parents first. The tables have no problems. */
export const childTables = (written: Written): ReadonlyArray<ChildTable> => {
  const tables = new Map<string, ChildTable>()
  const add = (name: string): ChildTable => {
    const known = tables.get(name)
    if (known !== undefined) return known
    const { column = name, of, key, index = "_index", columns = {} } = written[name]!
    const parent = of === undefined ? undefined : add(of)
    const table = { name, column, of, key: key === undefined ? inheritedKey(parent!) : keyOf(key), index, columns }
    tables.set(name, table)
    return table
  }
  Object.keys(written).forEach(add)
  return [...tables.values()]
}

type Key = ChildTable["key"]

const keyOf = (key: NonNullable<WrittenTable["key"]>): Key =>
  typeof key === "string" || Array.isArray(key)
    ? listOfNames(key).map((parent) => ({ parent, name: nameOf(parent) }))
    : Object.entries(key).map(([parent, name]) => ({ parent, name }))

const nameOf = (parent: string): string => (parent.startsWith("_") ? `_parent${parent}` : `_parent_${parent}`)

/** A child is known by its parent's key and its place. */
const inheritedKey = ({ key, index }: ChildTable): Key =>
  [...key.map(({ name }) => name), index].map((parent) => ({ parent, name: nameOf(parent) }))

export const childTableProblems = (written: Written, path: Path): ReadonlyArray<Problem> => {
  const names = Object.keys(written)
  if (names.length === 0) return [{ ...missingKey(path, undefined), message: "`children` has no child table." }]
  const problems = names.flatMap((name): ReadonlyArray<Problem> => {
    const table = written[name]!
    const place = [...path, name]
    if (table.of !== undefined && !names.includes(table.of))
      return [
        {
          code: "INVALID_VALUE",
          message: `there is no child table \`${table.of}\`.${didYouMean(table.of, names)}`,
          path: [...place, "of"],
          hint: `The child tables are: ${names.join(", ")}.`,
        },
      ]
    if (isWithin(written, name, name))
      return [{ code: "INVALID_VALUE", message: `the child table \`${name}\` lies within itself.`, path: [...place, "of"] }]
    if (table.of === undefined && (table.key === undefined || Object.keys(table.key).length === 0))
      return [missingKey([...place, "key"], "the columns that tell the rows apart, whose values each element carries.")]
    return []
  })
  return problems.length > 0 ? problems : sameNames(childTables(written), path)
}

const isWithin = (written: Written, name: string, searched: string, seen: ReadonlyArray<string> = []): boolean => {
  const of = written[name]?.of
  if (of === undefined || seen.includes(of)) return false
  return of === searched || isWithin(written, of, searched, [...seen, of])
}

/** Two columns of one name, or two tables of one list. */
const sameNames = (tables: ReadonlyArray<ChildTable>, path: Path): ReadonlyArray<Problem> =>
  tables.flatMap((table, i): ReadonlyArray<Problem> => {
    const own = [...table.key.map(({ name }) => name), table.index]
    const twice = own.find((name, j) => own.indexOf(name) < j)
    if (twice !== undefined)
      return [
        {
          code: "DUPLICATE_COLUMN",
          message: `the child table \`${table.name}\` would have two columns \`${twice}\`.`,
          path: [...path, table.name],
          hint: "Give them names: key: { column: name }, or index: name.",
        },
      ]
    const other = tables.slice(0, i).find(({ column, of }) => column === table.column && of === table.of)
    if (other === undefined) return []
    return [
      {
        code: "INVALID_VALUE",
        message: `the child table \`${other.name}\` is made of the list \`${table.column}\` too.`,
        path: [...path, table.name],
      },
    ]
  })

interface Taker {
  readonly rows: string | undefined
}

/** The step is the last one, each child table is taken, and so are the rows. */
export const takerProblems = (
  steps: ReadonlyArray<{ readonly type?: unknown; readonly children?: unknown }>,
  destinations: ReadonlyArray<Taker>,
): ReadonlyArray<Problem> => {
  const at = steps.findIndex(({ type, children }) => type === "flatten" && typeof children === "object" && children !== null)
  const names = at < 0 ? [] : Object.keys(steps[at]!.children as object)
  const unknown = destinations.flatMap(({ rows }, i): ReadonlyArray<Problem> => {
    if (rows === undefined || names.includes(rows)) return []
    const hint =
      names.length === 0 ? "A child table is made by a step `flatten` with `children`." : `The child tables are: ${names.join(", ")}.`
    return [
      {
        code: "INVALID_VALUE",
        message: `there is no child table \`${rows}\`.${didYouMean(rows, names)}`,
        path: ["destinations", i, "rows"],
        hint,
      },
    ]
  })
  if (at < 0) return unknown
  if (at < steps.length - 1)
    return [
      {
        code: "INVALID_VALUE",
        message: "`flatten` with `children` is not the last step: the steps behind it would leave children whose parents are gone.",
        path: ["transforms", at, "children"],
        hint: "Put it behind all other steps.",
      },
    ]
  const lost = names.filter((name) => destinations.every(({ rows }) => rows !== name))
  return [
    ...unknown,
    ...lost.map((name): Problem => ({
      code: "INVALID_VALUE",
      message: `no destination takes the child table \`${name}\`, so its rows would be lost.`,
      path: ["transforms", at, "children", name],
      hint: `Add a destination with \`rows: ${name}\`, or leave the list out of the rows by \`select\`.`,
    })),
    ...(destinations.length > 0 && destinations.every(({ rows }) => rows !== undefined) ? [noRows] : []),
  ]
}

const noRows: Problem = {
  code: "INVALID_VALUE",
  message: "all destinations take child tables, so the rows themselves would be lost.",
  path: ["destinations"],
  hint: "Add a destination without `rows`.",
}
