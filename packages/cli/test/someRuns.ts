/** Runs as the store keeps them, for tests of what shows them. */
import type { Run } from "@deltaflow/core"

export const someRun = (change: Partial<Run>): Run => ({
  id: "run_1",
  pipeline: "user-analytics",
  revision: 1,
  status: "success",
  trigger: "manual",
  createdAt: Date.UTC(2026, 1, 15),
  startedAt: Date.UTC(2026, 1, 15),
  completedAt: Date.UTC(2026, 1, 15, 0, 5),
  fullRefresh: false,
  dryRun: false,
  rowsExtracted: 5,
  rowsFiltered: 2,
  rowsLoaded: 3,
  rowsRejected: 0,
  stages: [],
  error: null,
  attempt: 1,
  retryOf: null,
  variables: [],
  logicalTime: null,
  ...change,
})

const at = (hour: number, minutes: number | null, change: Partial<Run>): Run => {
  const startedAt = Date.UTC(2026, 1, 15, hour)
  return someRun({ createdAt: startedAt, startedAt, completedAt: minutes === null ? null : startedAt + minutes * 60_000, ...change })
}

/** A day of two pipelines, newest first, as the store gives them. */
export const aDay: ReadonlyArray<Run> = [
  at(18, null, { id: "run_4", status: "running" }),
  at(12, 11, { id: "run_7", pipeline: "order-sync" }),
  at(12, 5, { id: "run_3" }),
  at(6, 2, { id: "run_6", pipeline: "order-sync", status: "failed" }),
  at(6, 4, { id: "run_2" }),
  at(0, 12, { id: "run_5", pipeline: "order-sync" }),
  at(0, 5, { id: "run_1" }),
]

export const threeMinutesPastSix = Date.UTC(2026, 1, 15, 18, 3)
