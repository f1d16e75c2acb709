/** Compiled, not run: it needs a Temporal server. */
// #region temporal
import * as activity from "@temporalio/activity"
import { temporalActivity } from "@deltaflow/scheduler/temporal"
import { openEngine, paidOrders } from "./shop.ts"

/** For `Worker.create({ activities })`; a workflow calls `pipeline({ pipeline: "paid-orders" })`. */
export const activities = { pipeline: temporalActivity(activity, openEngine(), [paidOrders]) }
// #endregion
