import { makeWorkerUtils, run } from "graphile-worker"
import { graphileJob, graphileTask } from "@deltaflow/scheduler/graphile-worker"
import { openEngine, paidOrders } from "./shop.ts"

const connectionString = process.env["DATABASE_URL"]!
await using engine = openEngine()

// #region worker
const runner = await run({
  connectionString,
  taskList: { pipeline: graphileTask(engine, [paidOrders]) },
  // What became of the last jobs is stored before the worker ends.
  preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
})
// #endregion

const queue = await makeWorkerUtils({ connectionString })

// #region job
const { identifier, payload, spec } = graphileJob("paid-orders")
await queue.addJob(identifier, payload, spec)
// #endregion

const ended = async () => (await engine.getRun(payload.runId))?.completedAt
while (typeof (await ended()) !== "number") await new Promise((resolve) => setTimeout(resolve, 50))
await runner.stop()
await queue.release()
console.log(`graphile-worker: ${(await engine.getRun(payload.runId))?.status}`)
