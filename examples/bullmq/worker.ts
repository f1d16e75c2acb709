// #region worker
import { bullmqProcessor } from "@deltaflow/scheduler/bullmq"
import { Worker } from "bullmq"
import { connection, openEngine, paidOrders, queueName } from "./shop.ts"

const engine = openEngine()
const worker = new Worker(queueName, bullmqProcessor(engine, [paidOrders]), { connection })
worker.on("failed", (job, error) => console.error(`${job?.name}: ${error.message}`))

// The worker waits for its jobs, so that the engine has nothing left to cancel.
process.once("SIGTERM", () => void worker.close().then(() => engine.close()))
// #endregion

await worker.waitUntilReady()
console.log("the worker is ready")
