/** What a queue hears of a run: its counts and its events, at the pace that the queue takes them. */
import type { Engine, EngineEvent, RunProgress } from "@deltaflow/core"
import type { JobOptions, JobProgress } from "./runJob.ts"

/** Milliseconds between two calls with counts. */
const PACE_MS = 1000

interface Hearing {
  readonly onProgress: (progress: RunProgress) => void
  /** Resolves when all that came is told. */
  readonly end: () => Promise<void>
}

export const hear = (engine: Engine, { runId, onProgress, onLog, onHearingError }: JobOptions): Hearing => {
  const telling = async (tell: () => unknown): Promise<void> => {
    try {
      await tell()
    } catch (error) {
      onHearingError?.(error)
    }
  }
  const events = onLog === undefined ? undefined : engine.events({ runId })
  const listening = telling(async () => {
    for await (const event of events ?? []) await telling(() => onLog?.(lineOf(event), event))
  })
  // Only the newest counts are of interest, so that a slow queue holds nothing up and gets no crowd of them.
  let newest: JobProgress | undefined
  let told = Promise.resolve()
  let isTelling = false
  let last = -Infinity
  const tell = (): void => {
    const progress = newest
    if (progress === undefined || isTelling) return
    newest = undefined
    isTelling = true
    last = performance.now()
    told = telling(() => onProgress?.(progress)).then(() => void (isTelling = false))
  }
  return {
    onProgress: ({ stage, read, loaded, filtered, rejected, runId: id }) => {
      newest = { runId: id, stage, read, loaded, filtered, rejected }
      if (performance.now() - last >= PACE_MS) tell()
    },
    end: async () => {
      await told
      tell()
      await told
      await events?.return?.()
      await listening
    },
  }
}

const lineOf = ({ type, data, runId }: EngineEvent): string => `${runId} ${type} ${JSON.stringify(data)}`
