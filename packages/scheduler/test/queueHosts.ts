/** The queues of hosts, each as the suite of jobs sees it. */
import { EventEmitter } from "node:events"
import { setTimeout as delay } from "node:timers/promises"
import { Queue, Worker } from "bullmq"
import { Logger, makeWorkerUtils, run } from "graphile-worker"
import { Redis } from "ioredis"
import pg from "pg"
import { PgBoss } from "pg-boss"
import { bullmqJob, bullmqProcessor } from "../src/bullmq/index.ts"
import { graphileJob, graphileTask } from "../src/graphile-worker/index.ts"
import { pgBossHandler, pgBossJob } from "../src/pg-boss/index.ts"
import { type JobProject, numbers, wrong } from "./jobProject.ts"

export const queueKinds = ["bullmq", "pg-boss", "graphile-worker"] as const
export type QueueKind = (typeof queueKinds)[number]

/** What another process needs to work on the same queue. */
export interface QueuePlace {
  readonly kind: QueueKind
  /** Of Redis or PostgreSQL. */
  readonly address: string
  /** Its own prefix or schema. */
  readonly name: string
}

export interface JobState {
  readonly state: "waiting" | "active" | "completed" | "failed" | "cancelled"
  readonly attempts: number
  readonly failure: string | undefined
}

export interface QueueUnderTest extends AsyncDisposable {
  /** Adds what the adapter makes, or this data as it is; gives the job's id in the queue. */
  readonly add: (job: { readonly runId?: string; readonly pipeline?: string; readonly data?: object }) => Promise<string>
  /** Two jobs at once, in this process. */
  readonly work: (project: JobProject) => Promise<{ readonly stop: () => Promise<void> }>
  readonly look: (job: string) => Promise<JobState>
  readonly cancel: (job: string, runId: string, project: JobProject) => Promise<unknown>
  /** What came of progress and of events. */
  readonly heard: (job: string) => Promise<{ readonly progress: unknown; readonly lines: ReadonlyArray<string> }>
  /** What an operator does when a worker is gone, where the queue does not see it by itself soon. */
  readonly giveUpWorkers: () => Promise<unknown>
}

const pipelines = [numbers, wrong]

export const openQueue = (place: QueuePlace): Promise<QueueUnderTest> => hosts[place.kind](place)

const openBullmq = async ({ address, name }: QueuePlace): Promise<QueueUnderTest> => {
  const connection = { url: address, maxRetriesPerRequest: null }
  const queue = new Queue("pipelines", { connection, prefix: name })
  let working: Pick<Worker, "cancelJob"> | undefined
  return {
    add: async ({ runId, pipeline = "numbers", data }) => {
      const { name: title, data: made, opts } = bullmqJob(pipeline, runId === undefined ? {} : { runId }, { backoff: 200 })
      // BullMQ itself leaves a second job with the same id out; here it is one with the same run.
      const isTwin = runId !== undefined && (await queue.getJob(runId)) !== undefined
      const job = await queue.add(title, data ?? made, isTwin || data !== undefined ? { ...opts, jobId: `${opts.jobId}-again` } : opts)
      return job.id!
    },
    work: async ({ engine }) => {
      const options = { connection, prefix: name, concurrency: 2, lockDuration: 1000, stalledInterval: 500 }
      const worker = new Worker("pipelines", bullmqProcessor(engine, pipelines), options)
      await worker.waitUntilReady()
      working = worker
      return { stop: () => worker.close() }
    },
    look: async (id) => {
      const job = await queue.getJob(id)
      const state = await job!.getState()
      const isDone = state === "completed" || state === "failed" || state === "active"
      return { state: isDone ? state : "waiting", attempts: job!.attemptsMade, failure: job!.failedReason }
    },
    cancel: async (id) => working!.cancelJob(id),
    heard: async (id) => ({ progress: (await queue.getJob(id))!.progress, lines: (await queue.getJobLogs(id)).logs }),
    giveUpWorkers: async () => undefined,
    async [Symbol.asyncDispose]() {
      await queue.obliterate({ force: true })
      await queue.close()
    },
  }
}

const openPgBoss = async ({ address, name }: QueuePlace): Promise<QueueUnderTest> => {
  const boss = new PgBoss({ connectionString: address, schema: name, superviseIntervalSeconds: 1, monitorIntervalSeconds: 1 })
  const errors: Array<unknown> = []
  boss.on("error", (error) => errors.push(error))
  await boss.start()
  await boss.createQueue("pipelines")
  const progress = new Map<string, unknown>()
  const lines = new Map<string, Array<string>>()
  return {
    add: async ({ runId, pipeline = "numbers", data }) => {
      const more = { retryDelay: 1, retryBackoff: false, heartbeatSeconds: 10 }
      const request = pgBossJob("pipelines", pipeline, runId === undefined ? {} : { runId }, more)
      return (await boss.send({ ...request, ...(data === undefined ? {} : { data }) }))!
    },
    work: async ({ engine }) => {
      const options = { perJobResults: true, pollingIntervalSeconds: 0.5, localConcurrency: 2, heartbeatRefreshSeconds: 0.5 } as const
      const handler = pgBossHandler(engine, pipelines, {
        onProgress: (job, counts) => progress.set(job.id, counts),
        onLog: (job, line) => lines.set(job.id, [...(lines.get(job.id) ?? []), line]),
      })
      await boss.work("pipelines", options, handler)
      return { stop: () => boss.offWork("pipelines", { wait: true }) }
    },
    look: async (id) => {
      const [job] = await boss.findJobs<object>("pipelines", { id })
      const { state, retryCount, output } = job!
      const failure = (output as { readonly message?: string } | null)?.message
      const isQueued = state === "created" || state === "retry"
      return { state: isQueued ? "waiting" : state, attempts: retryCount + 1, failure }
    },
    cancel: (id) => boss.cancel("pipelines", id),
    heard: async (id) => ({ progress: progress.get(id), lines: lines.get(id) ?? [] }),
    giveUpWorkers: async () => undefined,
    async [Symbol.asyncDispose]() {
      await boss.stop({ graceful: false })
    },
  }
}

const openGraphile = async ({ address, name }: QueuePlace): Promise<QueueUnderTest> => {
  const lines: Array<{ readonly job: unknown; readonly level: string; readonly line: string }> = []
  const logger = new Logger((scope) => (level, line) => void lines.push({ job: scope.jobId, level, line }))
  const queue = await makeWorkerUtils({ connectionString: address, schema: name, logger })
  await queue.migrate()
  const rows = (id: string) =>
    queue.withPgClient(
      async (client) =>
        (
          await client.query<{ attempts: number; max_attempts: number; last_error: string | null; locked_by: string | null }>(
            `SELECT attempts, max_attempts, last_error, locked_by FROM ${name}.jobs WHERE id = $1`,
            [id],
          )
        ).rows,
    )
  return {
    add: async ({ runId, pipeline = "numbers", data }) => {
      const job = graphileJob(pipeline, runId === undefined ? {} : { runId })
      // Graphile Worker itself replaces a job with the same key; here it is one more with the same run.
      const { jobKey: _jobKey, ...spec } = job.spec
      return (await queue.addJob(job.identifier, data ?? job.payload, runId === undefined ? job.spec : spec)).id
    },
    work: async ({ engine }) => {
      const runner = await run({
        connectionString: address,
        schema: name,
        concurrency: 2,
        pollInterval: 100,
        noHandleSignals: true,
        logger,
        // Without it the pool takes ten listeners of one process for a leak.
        events: new EventEmitter().setMaxListeners(0),
        taskList: { pipeline: graphileTask(engine, pipelines) },
        // Without the delays it ends before it has stored what became of its last jobs.
        preset: { worker: { gracefulShutdownAbortTimeout: 100, failJobBatchDelay: 0, completeJobBatchDelay: 0 } },
      })
      return { stop: () => runner.stop() }
    },
    look: async (id) => {
      const [job] = await rows(id)
      // It deletes what is done.
      if (job === undefined) return { state: "completed", attempts: 0, failure: undefined }
      const isOver = job.attempts >= job.max_attempts
      const state = job.locked_by !== null ? "active" : isOver ? "failed" : "waiting"
      return { state, attempts: job.attempts, failure: job.last_error ?? undefined }
    },
    cancel: (_job, runId, { engine }) => engine.cancel(runId),
    heard: async (id) => {
      const own = lines.filter(({ job }) => String(job) === id)
      const texts = (level: string) => own.flatMap((one) => (one.level === level && one.line.startsWith("run_") ? [one.line] : []))
      return { progress: texts("debug").at(-1), lines: texts("info") }
    },
    giveUpWorkers: async () => {
      const held = await queue.withPgClient(
        async (client) =>
          (await client.query<{ locked_by: string }>(`SELECT locked_by FROM ${name}.jobs WHERE locked_by IS NOT NULL`)).rows,
      )
      await queue.forceUnlockWorkers(held.map((row) => row.locked_by))
    },
    async [Symbol.asyncDispose]() {
      await queue.release()
    },
  }
}

const hosts = { bullmq: openBullmq, "pg-boss": openPgBoss, "graphile-worker": openGraphile }

/** Resolves when nobody is connected any more: a pool is closed before its connections are, and these would hear that the server ends. */
export const whenLeft = async (address: string): Promise<void> => {
  const client = new pg.Client({ connectionString: address })
  await client.connect()
  const others = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
  while ((await client.query(others)).rows.length > 0) await delay(20)
  await client.end()
}

/** Why there is no Redis; undefined where there is one. */
export const missingRedis = async (address: string): Promise<string | undefined> => {
  const redis = new Redis(address, { lazyConnect: true, retryStrategy: () => null })
  redis.on("error", () => undefined)
  try {
    await redis.connect()
    return undefined
  } catch (error) {
    return `${address} does not answer: ${String(error)}`
  } finally {
    redis.disconnect()
  }
}
