/** What all stores do alike with runs. */
import type { Run } from "../contract/Store.ts"

/** The time that lists go by: the start, or the creation of a run that has not started. */
export const runTime = (run: Run): number => run.startedAt ?? run.createdAt

/** The run with what was given of the change. A run never moves to another pipeline. */
export const changedRun = (run: Run, change: Partial<Omit<Run, "id" | "pipeline">>): Run => {
  const given = Object.entries(change).filter(([, value]) => value !== undefined)
  return { ...run, ...(Object.fromEntries(given) as Partial<Run>), id: run.id, pipeline: run.pipeline }
}
