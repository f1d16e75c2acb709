/** What `merge`, `scd2` and `hard_deletes` say, checked. See docs/decisions/0019-changes-of-rows.md. */
import type { Destination, History, WriteMode } from "../contract/Destination.ts"
import type { destinationFields } from "./ConnectorDefinition.ts"
import type { Decoded } from "./decodeKeys.ts"
import type { Path } from "./path.ts"
import { missingKey, type Problem } from "./problem.ts"

export interface MergeRule {
  /** Undefined for always. */
  readonly condition: string | undefined
  readonly action: "insert" | "update" | "delete"
  /** Undefined for all columns of the row. */
  readonly set: Readonly<Record<string, string>> | undefined
}

export interface DecodedChanges {
  /** Of `merge`, in order; undefined in other modes. */
  readonly rules: ReadonlyArray<MergeRule> | undefined
  /** Column that is true in a row whose key is to be deleted. */
  readonly deletedColumn: string | undefined
  readonly absence: boolean
  readonly history: History | undefined
}

type Keys = Decoded<typeof destinationFields>

/** Undefined where rows are only added, replaced or updated. */
export const decodeChanges = (keys: Keys, writeMode: WriteMode): DecodedChanges | undefined => {
  const { when, hard_deletes: deletes } = keys
  if (writeMode !== "merge" && writeMode !== "scd2" && deletes === undefined) return undefined
  return {
    rules:
      writeMode === "merge"
        ? (when ?? []).map(({ condition, action, set }) => ({
            condition: condition === undefined ? undefined : String(condition),
            action,
            set: set === undefined ? undefined : Object.fromEntries(Object.entries(set).map(([name, text]) => [name, String(text)])),
          }))
        : undefined,
    deletedColumn: deletes === "key" ? (keys.deleted_column ?? "_deleted") : undefined,
    absence: deletes === "absence",
    history:
      writeMode === "scd2"
        ? {
            validFrom: keys.valid_from ?? "valid_from",
            validTo: keys.valid_to ?? "valid_to",
            isCurrent: keys.is_current ?? "is_current",
            changedAt: keys.changed_at,
          }
        : undefined,
  }
}

const invalid = (message: string, path: Path, hint?: string): Problem => ({
  code: "INVALID_VALUE",
  message,
  path,
  at: "key",
  ...(hint === undefined ? {} : { hint }),
})

const HISTORY_KEYS = ["changed_at", "valid_from", "valid_to", "is_current"] as const

const keyedModes: ReadonlyArray<WriteMode> = ["upsert", "merge", "scd2"]

/** `seesAll` says whether each run reads all rows. */
export const changesProblems = (
  plugin: Destination,
  keys: Keys,
  writeMode: WriteMode,
  seesAll: boolean,
  path: Path,
): ReadonlyArray<Problem> => {
  const { when, hard_deletes: deletes } = keys
  const stray = HISTORY_KEYS.find((name) => keys[name] !== undefined)
  return [
    ...(writeMode === "merge" && when === undefined
      ? [{ ...missingKey([...path, "when"], "a list of rules."), message: "`write_mode: merge` needs `when`: what to do with which rows." }]
      : []),
    ...(writeMode !== "merge" && when !== undefined ? [invalid("`when` goes with `write_mode: merge`.", [...path, "when"])] : []),
    ...(writeMode !== "scd2" && stray !== undefined ? [invalid(`\`${stray}\` goes with \`write_mode: scd2\`.`, [...path, stray])] : []),
    ...(deletes !== "key" && keys.deleted_column !== undefined
      ? [invalid("`deleted_column` goes with `hard_deletes: key`.", [...path, "deleted_column"])]
      : []),
    ...(deletes === "absence" && keys.changed_at !== undefined
      ? [
          invalid(
            "`changed_at` says when a row changed, and a row that has not come says nothing.",
            [...path, "changed_at"],
            "Tell deleted rows by `hard_deletes: key`.",
          ),
        ]
      : []),
    ...(deletes === undefined ? [] : deleteProblems(plugin, deletes, writeMode, seesAll, path)),
    ...(when ?? []).flatMap((rule, i) => ruleProblems(rule, keys, [...path, "when", i])),
  ]
}

const deleteProblems = (
  plugin: Destination,
  deletes: "key" | "absence",
  writeMode: WriteMode,
  seesAll: boolean,
  path: Path,
): ReadonlyArray<Problem> => {
  const place = [...path, "hard_deletes"]
  if (plugin.takesChanges !== true)
    return [{ code: "UNSUPPORTED_WRITE_MODE", message: `the destination \`${plugin.type}\` cannot delete rows.`, path: place, at: "key" }]
  if (!keyedModes.includes(writeMode))
    return [
      invalid(
        `\`hard_deletes\` finds rows by their key, and \`write_mode: ${writeMode}\` has none.`,
        place,
        "Write write_mode: upsert and key.",
      ),
    ]
  if (deletes === "absence" && !seesAll)
    return [
      invalid(
        "`hard_deletes: absence` takes rows away that did not come, and with an incremental source a run brings only what is new.",
        place,
        "Take `incremental` out of the sources, or tell deleted rows by `hard_deletes: key`.",
      ),
    ]
  return []
}

const ruleProblems = ({ action, set }: NonNullable<Keys["when"]>[number], { key }: Keys, path: Path): ReadonlyArray<Problem> => {
  if (set === undefined) return []
  if (action === "delete") return [invalid("a row that is deleted has no columns to set.", [...path, "set"])]
  const keyed = (typeof key === "string" ? [key] : (key ?? [])).find((name) => Object.hasOwn(set, name))
  return keyed === undefined
    ? []
    : [invalid(`\`${keyed}\` tells rows apart, so a rule cannot set it.`, [...path, "set", keyed], "Set it with a `map` step before.")]
}
