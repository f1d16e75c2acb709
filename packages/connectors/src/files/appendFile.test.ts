import { memoryFiles } from "@deltaflow/testing"
import { describe, expect, it } from "vitest"
import { appendFile, recoverAppend } from "./appendFile.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

const target = "/out/rows.csv"

const open = (files: ReturnType<typeof memoryFiles>, runId: string) =>
  appendFile(files, target, { compression: "none", owner: { pipeline: "p", runId }, lineEnd: bytes("\n"), keepsState: true })

describe("a close that comes late", () => {
  it("takes nothing away from the run that came meanwhile", async () => {
    const files = memoryFiles()
    files.put(target, "old\n")
    const held = await open(files, "run-1")
    await held.write(bytes("lost\n"))
    // The process is taken for dead: the next run finds the journal.
    await recoverAppend(files, target, undefined)
    const next = await open(files, "run-2")
    await next.write(bytes("new\n"))
    await next.commit(true)
    await held.close(false)
    expect(files.text(target)).toBe("old\nnew\n")
    await next.close(true)
    expect(files.text(target)).toBe("old\nnew\n")
    expect([await files.list("/out"), files.openHandles()]).toEqual([["rows.csv"], []])
  })

  it("takes nothing away where that run has ended too", async () => {
    const files = memoryFiles()
    files.put(target, "old\n")
    const held = await open(files, "run-1")
    await recoverAppend(files, target, undefined)
    const next = await open(files, "run-2")
    await next.write(bytes("new\n"))
    await next.commit(true)
    await next.close(true)
    await held.close(false)
    expect([files.text(target), files.openHandles()]).toEqual(["old\nnew\n", []])
  })

  it("cuts back what it added itself where nobody came", async () => {
    const files = memoryFiles()
    files.put(target, "old\n")
    const held = await open(files, "run-1")
    await held.write(bytes("lost\n"))
    await held.close(false)
    expect([files.text(target), await files.list("/out")]).toEqual(["old\n", ["rows.csv"]])
  })
})
