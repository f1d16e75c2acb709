/** What a run holds in memory does not grow with its input, however slow the destination: `DELTAFLOW_GIGABYTES=10` for a larger one. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createWriteStream } from "node:fs"
import path from "node:path"
import { expect, test } from "vitest"
import { projectFolder } from "./harness.ts"

const GIGABYTES = Number(process.env["DELTAFLOW_GIGABYTES"] ?? 1)
const ROW_BYTES = 1000
const BLOCK_ROWS = 10_000

/** Rows of 1,000 bytes with their number in front. */
const writeRows = async (file: string, count: number): Promise<void> => {
  const out = createWriteStream(file)
  out.write("id,note\n")
  for (let first = 0; first < count; first += BLOCK_ROWS) {
    const ids = Array.from({ length: Math.min(BLOCK_ROWS, count - first) }, (_, i) => String(first + i))
    if (!out.write(ids.map((id) => `${id},"${"a note, ".repeat(200).slice(0, ROW_BYTES - id.length - 4)}"\n`).join("")))
      await once(out, "drain")
  }
  out.end()
  await once(out, "close")
}

test(
  `${GIGABYTES} GB into a destination of 50 MB a second, with a heap of 256 MB, add at most 128 MB`,
  { timeout: 200_000 * GIGABYTES },
  async () => {
    const root = projectFolder()
    const count = (GIGABYTES * 1e9) / ROW_BYTES
    await writeRows(path.join(root, "small.csv"), 1000)
    await writeRows(path.join(root, "large.csv"), count)
    const script = path.join(import.meta.dirname, "slowDestination.ts")
    // The nursery that V8 lets grow beside its heap says how much garbage there was, not what the run holds.
    const flags = ["--max-old-space-size=256", "--max-semi-space-size=4", "--conditions=source", "--disable-warning=ExperimentalWarning"]
    const child = spawn(process.execPath, [...flags, script, root, "small.csv", "large.csv", String(ROW_BYTES)], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    let said = ""
    child.stdout.on("data", (bytes) => (said += String(bytes)))
    expect(await once(child, "close")).toEqual([0, null])
    const { peaks, rows } = JSON.parse(said) as { peaks: [number, number]; rows: number }
    console.log(
      `peak memory: ${peaks.map((bytes) => `${(bytes / 1e6).toFixed(0)} MB`).join(" after the small file, ")} after the large one`,
    )
    expect(rows).toBe(count)
    expect(peaks[1] - peaks[0]).toBeLessThanOrEqual(128e6)
  },
)
