// #region add
import { newRunId, type Run } from "@deltaflow/core"
import { bullmqJob } from "@deltaflow/scheduler/bullmq"
import { Queue, QueueEvents } from "bullmq"
import { connection, queueName } from "./shop.ts"

const queue = new Queue(queueName, { connection })
const events = new QueueEvents(queueName, { connection })
events.on("progress", ({ data }) => console.log("progress", data))

const [runId = newRunId(Date.now())] = process.argv.slice(2)
const { name, data, opts } = bullmqJob("paid-orders", { runId })
const job = await queue.add(name, data, opts)
const run = (await job.waitUntilFinished(events)) as Run
console.log(`${run.id}: ${run.rowsLoaded} of ${run.rowsExtracted} orders are paid`)
// #endregion

for (const line of (await queue.getJobLogs(job.id!)).logs) console.log("log", line)
await events.close()
await queue.close()
