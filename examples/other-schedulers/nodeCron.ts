import type { Run } from "@deltaflow/core"
// #region cron
import { nodeCronTask } from "@deltaflow/scheduler/node-cron"
import { schedule } from "node-cron"
import { openEngine, paidOrders } from "./shop.ts"

const engine = openEngine()
const time = process.env["CRON"] ?? "0 2 * * *"
const task = schedule(time, nodeCronTask(engine, paidOrders), { timezone: "Europe/Berlin" })
// #endregion

task.on("execution:finished", ({ execution }) => {
  const run = execution?.result as Run | undefined
  if (run !== undefined) console.log(`node-cron: ${run.status}`)
})
