// #region worker
import { pgBossHandler } from "@deltaflow/scheduler/pg-boss"
import { openBoss, openEngine, paidOrders, pool, queueName } from "./shop.ts"

const engine = openEngine()
const boss = await openBoss()
const onLog = (_job: object, line: string) => console.log(line)
await boss.work(queueName, { perJobResults: true }, pgBossHandler(engine, [paidOrders], { onLog }))

// pg-boss waits for its jobs, so that the engine has nothing left to cancel.
const stop = async () => {
  await boss.stop()
  await engine.close()
  await pool.end()
}
process.once("SIGTERM", () => void stop())
// #endregion

console.log("the worker is ready")
