import { expect, it } from "vitest"
import { someRun } from "../test/someRuns.ts"
import { shownDuration } from "@deltaflow/core/gantt"
import { runAsJson, runsAsCsv } from "./runRows.ts"

it.each([
  [undefined, ""],
  [340, "0.3s"],
  [59_990, "60.0s"],
  [245_000, "4m 05s"],
  [7_800_000, "2h 10m"],
])("shows %s milliseconds as %j", (milliseconds, text) => {
  expect(shownDuration(milliseconds)).toBe(text)
})

it("shows a run as the HTTP API does", () => {
  expect(runAsJson(someRun({}))).toMatchObject({
    started_at: "2026-02-15T00:00:00.000Z",
    duration_ms: 300_000,
    rows_loaded: 3,
    error: null,
  })
})

it("quotes what CSV needs quoted", () => {
  const [header, line] = runsAsCsv([someRun({ pipeline: 'a,"b"' })]).split("\n")
  expect(header?.split(",").slice(0, 3)).toEqual(["id", "pipeline", "status"])
  expect(line).toMatch(/^run_1,"a,""b""",success,manual,/)
})
