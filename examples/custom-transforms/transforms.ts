import { defineTransform, type Row } from "@deltaflow/core"
import * as Schema from "effect/Schema"
import { taxOf } from "./taxes.ts"

// #region patch
/** Gives what changes: all other columns go through untouched. */
export const domain = defineTransform({
  type: "domain",
  patch: (row) => ({ domain: String(row["email"]).split("@")[1] ?? null }),
})
// #endregion

// #region row
const ItemsConfig = Schema.toStandardSchemaV1(Schema.Struct({ column: Schema.String }))

/** Gives one row, a list of rows, or null to leave the row out. */
export const perItem = defineTransform({
  type: "per_item",
  config: ItemsConfig,
  row: (row, { config }) => {
    const { [config.column]: items, ...rest } = row
    return Array.isArray(items) ? items.map((item): Row => ({ ...rest, item: String(item) })) : null
  },
})
// #endregion

// #region async
/** At most 8 requests at once; the rows keep their order. */
export const tax = defineTransform({
  type: "tax",
  concurrency: 8,
  patch: async (row) => ({ tax: await taxOf(String(row["country"])) }),
})
// #endregion

// #region stateful
/** One row for each customer, behind all others: what was spent. */
export const totals = defineTransform({
  type: "totals",
  setup: () => new Map<string, number>(),
  row: (row, { state }) => {
    const customer = String(row["customer"])
    state.set(customer, (state.get(customer) ?? 0) + Number(row["amount"]))
    return null
  },
  finish: ({ state }) => Array.from(state, ([customer, spent]) => ({ customer, spent })),
})
// #endregion
