/** Sources that a step reads for itself: the other source of a join, and those that a query names. */
import { didYouMean } from "../model/nearestName.ts"
import { type Entries, type TablesOfQueries } from "./decodeQueries.ts"
import type { Path } from "./path.ts"
import type { Problem } from "./problem.ts"

interface Reading {
  readonly by: "join" | "sql"
  readonly source: string
  readonly path: Path
}

/** Each must be there, be read by that step alone, and leave rows for the steps. */
export const sideProblems = (entries: Entries, tables: TablesOfQueries): ReadonlyArray<Problem> => {
  const { sources } = entries
  const readings = entries.steps.flatMap((step, i) => readingsOf(step, i, tables))
  const problems = readings.flatMap((reading, i): ReadonlyArray<Problem> => {
    if (!sources.includes(reading.source)) return [unknownSource(reading, sources)]
    const before = readings.slice(0, i).find(({ source }) => source === reading.source)
    return before === undefined ? [] : [readTwice(reading, before)]
  })
  const last = readings.at(-1)
  const isRowLeft = sources.some((name) => readings.every(({ source }) => source !== name))
  if (problems.length > 0 || last === undefined || isRowLeft || beginsWithQuery(tables)) return problems
  return [noRows(last)]
}

const readingsOf = (step: Readonly<Record<string, unknown>>, index: number, tables: TablesOfQueries): ReadonlyArray<Reading> => {
  const { type, with: source } = step
  if (type === "join" && typeof source === "string") return [{ by: "join", source, path: ["transforms", index, "with"] }]
  return (tables.get(index) ?? []).flatMap((table): ReadonlyArray<Reading> =>
    "source" in table ? [{ by: "sql", source: table.source, path: ["transforms", index, "query"] }] : [],
  )
}

/** A query over sources alone needs no rows before it. */
const beginsWithQuery = (tables: TablesOfQueries): boolean => tables.get(0)?.every((table) => "source" in table) ?? false

const unknownSource = ({ source, path }: Reading, sources: ReadonlyArray<string>): Problem => ({
  code: "INVALID_VALUE",
  message: `there is no source \`${source}\`.${didYouMean(source, sources)}`,
  path,
  hint: `The sources are: ${sources.join(", ")}. Give the source a \`name\`.`,
})

const readTwice = ({ by, source, path }: Reading, before: Reading): Problem => ({
  code: "INVALID_VALUE",
  message:
    by === "join" && before.by === "join"
      ? `the source \`${source}\` is joined twice, and is read only once.`
      : `the source \`${source}\` is named by two steps, and is read only once.`,
  path,
  ...(by === "sql" ? { part: source } : {}),
  hint: "List it once more under another name.",
})

const noRows = ({ by, path }: Reading): Problem =>
  by === "join"
    ? { code: "INVALID_VALUE", message: "every source is joined to the rows, so there are no rows to join them to.", path }
    : {
        code: "INVALID_VALUE",
        message: "steps read every source for themselves, so no rows are left to be `input`, or to go through the steps before the query.",
        path,
        hint: "Let the query be the first step and name only sources. Or call the rows of one of them `input`.",
      }
