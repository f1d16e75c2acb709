/** What merge, history and deletes do, row by row. */
import type { DestinationDefinition } from "@deltaflow/core"
import fc from "fast-check"

export interface Change {
  readonly id: number
  readonly name: string | null
  readonly score: number
  readonly _deleted: boolean
}

export type Stored = Pick<Change, "id" | "name" | "score">

export const changes: fc.Arbitrary<ReadonlyArray<Change>> = fc.array(
  fc.record({
    id: fc.integer({ min: 1, max: 4 }),
    name: fc.constantFrom("a", "b", "ä'\"", null),
    score: fc.integer({ min: -2, max: 2 }),
    _deleted: fc.boolean(),
  }),
  { maxLength: 14, size: "max" },
)

/** What becomes of a row, beside the one that is there. */
type Decide = (change: Change, known: Stored | undefined) => Stored | "gone" | "same"

export const changed = (known: ReadonlyMap<number, Stored>, load: ReadonlyArray<Change>, decide: Decide): ReadonlyMap<number, Stored> => {
  const next = new Map(known)
  for (const change of load) {
    const result = decide(change, next.get(change.id))
    if (result === "gone") next.delete(change.id)
    else if (result !== "same") next.set(change.id, result)
  }
  return next
}

const stored = ({ id, name, score }: Change): Stored => ({ id, name, score })

export const deleting: Decide = (change) => (change._deleted ? "gone" : stored(change))

interface Rule {
  readonly rule: NonNullable<DestinationDefinition["when"]>[number]
  readonly holds: (change: Change) => boolean
  readonly set: (change: Change, known: Stored | undefined) => Stored
}

const ofRow = (change: Change): Stored => stored(change)

/** The columns that rules set are the table's own; `_deleted` and `at` are stored as they come. */
export const mergeRules: ReadonlyArray<Rule> = [
  { rule: { condition: "score < -1", action: "delete" }, holds: ({ score }) => score < -1, set: ofRow },
  {
    rule: { condition: "name = 'a'", action: "update", set: { score: "score * 10" } },
    holds: ({ name }) => name === "a",
    set: ({ score }, known) => ({ ...known!, score: score * 10 }),
  },
  { rule: { condition: "_deleted", action: "delete" }, holds: ({ _deleted }) => _deleted, set: ofRow },
  { rule: { condition: "name IS NOT NULL", action: "update" }, holds: ({ name }) => name !== null, set: ofRow },
  {
    rule: { condition: "score > 0", action: "insert", set: { name: "'new ' || coalesce(name, '?')" } },
    holds: ({ score }) => score > 0,
    set: (change) => ({ ...stored(change), name: `new ${change.name ?? "?"}` }),
  },
  { rule: { action: "insert" }, holds: () => true, set: ofRow },
]

export const merging =
  (rules: ReadonlyArray<Rule>): Decide =>
  (change, known) => {
    const found = rules.find(({ rule, holds }) => (rule.action === "insert") === (known === undefined) && holds(change))
    if (found === undefined) return "same"
    return found.rule.action === "delete" ? "gone" : found.set(change, known)
  }

/** A time without the zeros at the end of its fraction; other values as they are. */
export const trimmed = <A>(value: A): A | string =>
  typeof value === "string" && /^\d{4}-\d\d-\d\dT.*Z$/.test(value)
    ? value.replace(/\.(\d*?)0*Z$/, (_, digits: string) => (digits === "" ? "Z" : `.${digits}Z`))
    : value

/** The versions of each key, of rows that come in the order of their times. */
export const historyOf = (rows: ReadonlyArray<Change & { readonly at: string }>): ReadonlyArray<Record<string, unknown>> => {
  const versions: Array<Record<string, unknown>> = []
  for (const row of rows) {
    const at = trimmed(row.at)
    const current = versions.find((version) => version["id"] === row.id && version["valid_to"] === null)
    if (current !== undefined && !row._deleted && current["name"] === row.name && current["score"] === row.score) continue
    if (current !== undefined) Object.assign(current, { valid_to: at, is_current: 0 })
    if (!row._deleted) versions.push({ ...stored(row), valid_from: at, valid_to: null, is_current: 1 })
  }
  const order = (version: Record<string, unknown>): string => `${String(version["id"])} ${String(version["valid_from"]).replace("Z", "")}`
  return versions.toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
}
