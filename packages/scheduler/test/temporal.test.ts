/** In the real `Context` of `@temporalio/activity`, without a server. */
import * as activity from "@temporalio/activity"
import { createEngine, defineDestination, defineSource, newRunId, type PipelineDefinition } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import { expect, it } from "vitest"
import { jobData } from "../src/index.ts"
import { temporalActivity } from "../src/temporal/index.ts"

const orders: PipelineDefinition = { name: "orders", sources: [{ type: "rows" }], destinations: [{ type: "nowhere" }] }

const world = () => {
  const gate = { isOpen: true, failures: 0 }
  const rows = defineSource({
    type: "rows",
    async *read({ signal }) {
      while (!gate.isOpen && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 2))
      if (gate.failures-- > 0) throw new Error("it was told to fail")
      yield { rows: [{ id: 1 }] }
    },
  })
  const nowhere = defineDestination({ type: "nowhere", open: () => ({ write: () => undefined }) })
  const engine = createEngine({ plugins: [rows, nowhere], store: memoryStore() })
  const heartbeats: Array<unknown> = []
  const lines: Array<string> = []
  /** One attempt, as a worker of Temporal makes it. */
  const perform = (data: { readonly pipeline: string }, cancelling = new AbortController()) => {
    const cancelled = new Promise<never>((_, reject) =>
      cancelling.signal.addEventListener("abort", () => reject(new activity.CancelledFailure("CANCELLED"))),
    )
    cancelled.catch(() => lines.push("cancelled"))
    const log = { info: (line: string) => void lines.push(line) }
    const info = { activityId: "7", workflowExecution: { workflowId: "nightly", runId: "wf-1" } }
    const context = new activity.Context(
      info as activity.Info,
      cancelled,
      cancelling.signal,
      (details) => void heartbeats.push(details),
      undefined,
      log as unknown as typeof activity.log,
      undefined as never,
      {},
    )
    return activity.asyncLocalStorage.run(context, () => temporalActivity(activity, engine, [orders])(data))
  }
  return { gate, engine, heartbeats, lines, perform }
}

it("runs once, tells of it by heartbeats and lines, and a retry goes on", async () => {
  const { engine, gate, heartbeats, lines, perform } = world()
  gate.failures = 1
  const data = jobData("orders", { runId: newRunId(Date.now()) })
  await expect(perform(data)).rejects.toMatchObject({ name: "RunError", code: "SOURCE_FAILED" })
  expect(await perform(data)).toMatchObject({ id: `${data.runId}.1`, status: "success", retryOf: data.runId })
  expect(await perform(data)).toMatchObject({ id: `${data.runId}.1` })
  expect((await engine.listRuns()).total).toBe(2)
  expect(heartbeats.at(-1)).toMatchObject({ runId: `${data.runId}.1`, read: 1, loaded: 1 })
  expect(lines.at(-1)).toContain("pipeline.completed")
})

it("has one run for the attempts of an activity whose argument names none", async () => {
  const { perform } = world()
  for (let i = 0; i < 2; i++) expect((await perform({ pipeline: "orders" })).id).toBe("temporal-wf-1-7")
})

it("fails as Temporal wants it where it is cancelled, and where a retry is of no use", async () => {
  const { engine, gate, perform } = world()
  gate.isOpen = false
  const cancelling = new AbortController()
  const data = jobData("orders")
  const running = perform(data, cancelling)
  await expect.poll(async () => (await engine.getRun(data.runId))?.status).toBe("running")
  cancelling.abort()
  await expect(running).rejects.toThrow(activity.CancelledFailure)
  expect((await engine.getRun(data.runId))?.status).toBe("cancelled")
  const error: unknown = await perform({ pipeline: "odrers" }).catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(activity.ApplicationFailure)
  expect(error).toMatchObject({ nonRetryable: true, type: "EngineError" })
})
