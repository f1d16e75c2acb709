/** What holds for jobs of every queue, tried on the real ones. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import path from "node:path"
import { newRunId } from "@deltaflow/core"
import { describe, expect, it } from "vitest"
import { type JobProject, newFolder, openProject, ROWS } from "./jobProject.ts"
import { openQueue, type QueuePlace, type QueueUnderTest } from "./queueHosts.ts"

const all = Array.from({ length: ROWS }, (_, id) => id)
const WAIT = { timeout: 60_000, interval: 50 }

export const queueContract = (kind: QueuePlace["kind"], address: () => string): void => {
  let opened = 0
  const open = async () => {
    const place: QueuePlace = { kind, address: address(), name: `df${process.pid}_${++opened}` }
    const queue = await openQueue(place)
    const project = openProject(newFolder())
    return { place, queue, project }
  }
  const reaches = (queue: QueueUnderTest, job: string, state: string) =>
    expect.poll(async () => (await queue.look(job)).state, WAIT).toBe(state)
  const statuses = async ({ engine }: JobProject) =>
    (await engine.listRuns()).runs.toReversed().map(({ id, status, retryOf }) => ({ id, status, retryOf }))
  const runs = (project: JobProject, id: string) => expect.poll(async () => (await project.engine.getRun(id))?.status, WAIT).toBe("running")

  describe(`jobs of ${kind}`, () => {
    it("run, under the id that they carry, and the queue hears how", async () => {
      const { queue, project } = await open()
      await using _queue = queue
      await using _project = project
      const runId = newRunId(Date.now())
      const job = await queue.add({ runId })
      const working = await queue.work(project)
      await reaches(queue, job, "completed")
      expect(await statuses(project)).toEqual([{ id: runId, status: "success", retryOf: null }])
      expect(project.ids()).toEqual(all)
      const { progress, lines } = await queue.heard(job)
      expect(typeof progress === "string" ? progress : JSON.stringify(progress)).toContain(String(ROWS))
      const types = lines.map((line) => line.split(" ")[1])
      expect([types[0], types.at(-1), lines.every((line) => line.startsWith(runId))]).toEqual([
        "pipeline.started",
        "pipeline.completed",
        true,
      ])
      await working.stop()
    })

    it("that carry no run id, as those of a schedule of the queue, have one of their own", async () => {
      const { queue, project } = await open()
      await using _queue = queue
      await using _project = project
      const job = await queue.add({ data: { pipeline: "numbers" } })
      const working = await queue.work(project)
      await reaches(queue, job, "completed")
      await reaches(queue, await queue.add({ data: { pipeline: "numbers" } }), "completed")
      const ids = (await statuses(project)).map(({ id }) => id)
      expect([ids.length, new Set(ids).size]).toEqual([2, 2])
      for (const id of ids)
        expect(id).toMatch({ bullmq: /^bullmq-\d+-/, "pg-boss": /^pg-boss-[0-9a-f-]{36}$/, "graphile-worker": /^graphile-\d+-\d+$/ }[kind])
      await working.stop()
    })

    it("that fail go on from the checkpoint at the next attempt", async () => {
      const { queue, project } = await open()
      await using _queue = queue
      await using _project = project
      project.failAt(20)
      const runId = newRunId(Date.now())
      const job = await queue.add({ runId })
      const working = await queue.work(project)
      await reaches(queue, job, "completed")
      expect(await statuses(project)).toEqual([
        { id: runId, status: "failed", retryOf: null },
        { id: `${runId}.1`, status: "success", retryOf: runId },
      ])
      expect((await project.engine.getRun(`${runId}.1`))?.rowsExtracted).toBeLessThan(ROWS)
      expect(project.ids()).toEqual(all)
      await working.stop()
    })

    it("that are delivered twice at once, and again when all is done, run once", async () => {
      const { queue, project } = await open()
      await using _queue = queue
      await using _project = project
      project.stopAt(20)
      const runId = newRunId(Date.now())
      const jobs = [await queue.add({ runId }), await queue.add({ runId })]
      const working = await queue.work(project)
      await runs(project, runId)
      for (const job of jobs) await reaches(queue, job, "active")
      project.goOn()
      for (const job of jobs) await reaches(queue, job, "completed")
      const late = await queue.add({ runId: `${runId}` })
      await reaches(queue, late, "completed")
      expect(await statuses(project)).toEqual([{ id: runId, status: "success", retryOf: null }])
      expect(project.ids()).toEqual(all)
      await working.stop()
    })

    it("that are cancelled end their run, and are not tried again", async () => {
      const { queue, project } = await open()
      await using _queue = queue
      await using _project = project
      project.stopAt(20)
      const runId = newRunId(Date.now())
      const job = await queue.add({ runId })
      const working = await queue.work(project)
      await runs(project, runId)
      await queue.cancel(job, runId, project)
      await expect.poll(async () => (await project.engine.getRun(runId))?.status, WAIT).toBe("cancelled")
      project.goOn()
      await reaches(queue, job, { bullmq: "failed", "pg-boss": "cancelled", "graphile-worker": "completed" }[kind])
      const working2 = await queue.add({})
      await reaches(queue, working2, "completed")
      expect((await statuses(project)).map(({ status }) => status)).toEqual(["cancelled", "success"])
      expect(project.ids()).toEqual(all)
      await working.stop()
    })

    it("that cannot be run fail with what is wrong, at once where the queue can be told", async () => {
      const { queue, project } = await open()
      await using _queue = queue
      await using _project = project
      const wrong = await queue.add({ pipeline: "wrong" })
      const unknown = await queue.add({ pipeline: "nubmers" })
      const none = await queue.add({ data: { pipelin: "numbers" } })
      const working = await queue.work(project)
      const failure = (job: string) => expect.poll(async () => (await queue.look(job)).failure, WAIT)
      await failure(wrong).toContain("condition")
      await failure(unknown).toContain("nubmers: the worker has no pipeline of this name. Did you mean numbers?")
      await failure(none).toContain("it carries no `pipeline`")
      for (const job of kind === "graphile-worker" ? [] : [wrong, unknown, none])
        await expect.poll(async () => await queue.look(job), WAIT).toMatchObject({ state: "failed", attempts: 1 })
      // One that is wrong only in view of the rows is seen when they are there.
      if (kind !== "graphile-worker") expect((await statuses(project)).map(({ status }) => status)).toEqual(["failed"])
      await working.stop()
    })

    it("whose worker is killed are taken up by another one, without a row lost or doubled", async () => {
      const { place, queue, project } = await open()
      await using _queue = queue
      await using _project = project
      project.stopAt(20)
      const runId = newRunId(Date.now())
      const job = await queue.add({ runId })
      const script = path.join(import.meta.dirname, "queueWorker.ts")
      const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning"]
      const child = spawn(process.execPath, [...flags, script, JSON.stringify({ place, root: project.root })], { stdio: "inherit" })
      await runs(project, runId)
      await expect.poll(() => project.ids().length, WAIT).toBe(20)
      const closed = once(child, "close")
      child.kill("SIGKILL")
      await closed
      project.goOn()
      const working = await queue.work(project)
      await queue.giveUpWorkers()
      await reaches(queue, job, "completed")
      expect(await statuses(project)).toEqual([
        { id: runId, status: "failed", retryOf: null },
        { id: `${runId}.1`, status: "success", retryOf: runId },
      ])
      expect((await project.engine.getRun(runId))?.error?.code).toBe("RUN_INTERRUPTED")
      expect(project.ids()).toEqual(all)
      await working.stop()
    })

    it("whose worker ends in order go on in the next one", async () => {
      const { queue, project } = await open()
      await using _queue = queue
      await using _project = project
      project.stopAt(20)
      const runId = newRunId(Date.now())
      const job = await queue.add({ runId })
      const working = await queue.work(project)
      await runs(project, runId)
      await expect.poll(() => project.ids().length, WAIT).toBe(20)
      // BullMQ and pg-boss wait for the job; Graphile Worker cancels it, and tries it again.
      if (kind !== "graphile-worker") setTimeout(() => project.goOn(), 200)
      await working.stop()
      project.goOn()
      const next = await queue.work(project)
      await reaches(queue, job, "completed")
      expect((await statuses(project)).map(({ status }) => status)).toEqual(
        kind === "graphile-worker" ? ["cancelled", "success"] : ["success"],
      )
      expect(project.ids()).toEqual(all)
      await next.stop()
    })
  })
}
