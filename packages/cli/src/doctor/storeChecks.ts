/** Checks of the state: can it be written, is it sound, does it hold something that hangs. */
import { statSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import path from "node:path"
import type { Run } from "@deltaflow/core"
import { type Check, type DoctorContext, fail, ok, orOk, warn } from "./Check.ts"
import { existingFolder, megabytes, whyNotWritable } from "./places.ts"

export const storeChecks: ReadonlyArray<Check> = [
  {
    name: "state folder",
    look: ({ statePath }) => {
      const reason = whyNotWritable(path.dirname(statePath))
      return reason === undefined
        ? ok("the state folder can be written")
        : [fail(reason, "Give this user the right to write there, or set state_dir to another folder.")]
    },
  },
  {
    name: "store",
    look: ({ store }) => {
      if (!store.exists) return ok("no store yet: the first run makes it")
      if (store.problem === undefined) return ok("the store opens")
      return [fail(store.problem.message, store.problem.hint ?? "Put a backup in its place, or move the file away to start anew.")]
    },
  },
  {
    name: "store version",
    look: ({ store }) =>
      store.problem?.code === "STORE_NEWER"
        ? [fail("the store was written by a newer version of deltaflow", "Update deltaflow: npm install deltaflow@latest.")]
        : ok("the store is of this version"),
  },
  {
    name: "store integrity",
    look: ({ store }) =>
      store.integrity === undefined || store.integrity === "ok"
        ? ok("the store is sound")
        : [fail(`the store is damaged: ${store.integrity}`, "Put a backup in its place, or move the file away to start anew.")],
  },
  {
    name: "store size",
    look: ({ store }) =>
      store.bytes > LARGE
        ? [warn(`the store has ${megabytes(store.bytes)}`, "Move old runs away: keep a copy of the file and start anew.")]
        : ok(megabytes(store.bytes)),
  },
  {
    name: "stuck leases",
    look: (context) =>
      orOk(
        hanging(context).map((run) =>
          warn(
            `${run.pipeline}: run ${run.id} holds the pipeline, and its lease has run out`,
            "Start the pipeline again: the next run takes over.",
          ),
        ),
        "no lease is stuck",
      ),
  },
  {
    name: "crashed runs",
    look: ({ store }) =>
      orOk(
        newestPerPipeline(store.runs)
          .filter((run) => run.error?.code === "RUN_INTERRUPTED")
          .map((run) => warn(`${run.pipeline}: the process of run ${run.id} ended in the middle`, "deltaflow run --retry")),
        "no run was cut off",
      ),
  },
  {
    name: "failed runs",
    look: ({ store }) =>
      orOk(
        newestPerPipeline(store.runs)
          .filter((run) => run.status === "failed" && run.error?.code !== "RUN_INTERRUPTED")
          .map((run) =>
            warn(`${run.pipeline}: the last run failed: ${run.error?.message ?? "no reason is stored"}`, `deltaflow runs show ${run.id}`),
          ),
        "the last run of every pipeline went well",
      ),
  },
  {
    name: "clock",
    look: async (context) => {
      const { store, now } = context
      const newest = store.runs[0]
      if (newest !== undefined && newest.createdAt > now() + SKEW_MS)
        return [
          warn(
            `the clock is before run ${newest.id}, which began at ${new Date(newest.createdAt).toISOString()}`,
            "Set the clock, best by NTP.",
          ),
        ]
      const skew = await skewOfFiles(context)
      return Math.abs(skew) > SKEW_MS
        ? [
            warn(
              `new files are dated ${Math.round(skew / 1000)} s off the clock`,
              "Set the clocks of this machine and of its file server, best by NTP.",
            ),
          ]
        : ok("the clock agrees with the files")
    },
  },
]

const LARGE = 1024 * 1024 * 1024

const SKEW_MS = 5000

/** Runs that the store believes to go on, while nobody holds their lease any more. */
const hanging = ({ store, now }: DoctorContext): ReadonlyArray<Run> =>
  store.runs.filter((run) => {
    if (run.status !== "running") return false
    const lease = store.leases.get(run.pipeline)
    return lease?.owner !== run.id || lease.expiresAt < now()
  })

const newestPerPipeline = (runs: ReadonlyArray<Run>): ReadonlyArray<Run> => {
  const newest = new Map<string, Run>()
  for (const run of runs) if (!newest.has(run.pipeline)) newest.set(run.pipeline, run)
  return [...newest.values()]
}

/** How far the date of a file that is made now is from the clock, in milliseconds. */
const skewOfFiles = async ({ statePath, now }: DoctorContext): Promise<number> => {
  const place = existingFolder(path.dirname(statePath))
  if (whyNotWritable(place) !== undefined) return 0
  const folder = await mkdtemp(path.join(place, ".doctor-"))
  try {
    const file = path.join(folder, "clock")
    await writeFile(file, "")
    return statSync(file).mtimeMs - now()
  } finally {
    await rm(folder, { recursive: true })
  }
}
