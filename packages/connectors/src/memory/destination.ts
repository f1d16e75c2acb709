import { type Checkpoint, commitRefusal, defineDestination, type Destination, type LoadRequest, type Row } from "@deltaflow/core"
import * as Schema from "effect/Schema"

const MemoryDestinationConfig = Schema.Struct({
  dataset: Schema.optionalKey(Schema.String).annotate({ description: "Under which name the host finds the rows. Default: `rows`." }),
})

type Config = typeof MemoryDestinationConfig.Type

export interface MemoryDestination extends Destination<Config> {
  /** The rows that were committed, by dataset. */
  readonly rows: (dataset?: string) => ReadonlyArray<Row>
  /**
   * Rows as they are written, once: call it before the run starts. The run waits for whoever reads slowly. Ends when the run
   * has committed, and throws where it ends without.
   */
  readonly stream: (dataset?: string) => AsyncIterable<Row>
}

/**
 * A destination that hands rows to the host: `output.rows()` after the run, or `for await (const row of output.stream())` while it goes on.
 */
export const memoryDestination = (): MemoryDestination => {
  const datasets = new Datasets()
  const plugin = defineDestination<Config>({
    type: "memory",
    summary: "Rows for the host: an array after the run, or an async iterable",
    config: Schema.toStandardSchemaV1(MemoryDestinationConfig),
    delivery: "transactional",
    writeModes: ["replace", "append"],
    checkpoint: async ({ config, pipeline }) => datasets.checkpoint(config.dataset ?? DEFAULT, pipeline),
    open: (request) => datasets.open(request.config.dataset ?? DEFAULT, request),
  })
  return {
    ...plugin,
    rows: (dataset = DEFAULT) => datasets.committed(dataset),
    stream: (dataset = DEFAULT) => datasets.stream(dataset),
  }
}

const DEFAULT = "rows"

class Datasets {
  private readonly rows = new Map<string, ReadonlyArray<Row>>()
  private readonly checkpoints = new Map<string, Checkpoint>()
  private readonly channels = new Map<string, Channel>()

  committed(dataset: string): ReadonlyArray<Row> {
    return this.rows.get(dataset) ?? []
  }

  checkpoint(dataset: string, pipeline: string): Checkpoint | undefined {
    return this.checkpoints.get(key(dataset, pipeline))
  }

  stream(dataset: string): AsyncIterable<Row> {
    const channel = new Channel()
    this.channels.set(dataset, channel)
    return channel
  }

  open(dataset: string, { pipeline, name, writeMode, checkpoint: began }: LoadRequest<Config>) {
    const append = writeMode === "append"
    let behind = began
    const channel = this.channels.get(dataset)
    this.channels.delete(dataset)
    const base = append ? this.committed(dataset) : []
    let pending: Array<Row> = []
    return {
      label: dataset,
      commitsEarly: append,
      write: async (rows: ReadonlyArray<Row>) => {
        if (channel !== undefined) await channel.push(rows)
        else for (const row of rows) pending.push(row)
      },
      commit: (checkpoint: Checkpoint) => {
        const refusal = commitRefusal(checkpoint, this.checkpoint(dataset, pipeline), behind, name, dataset)
        if (refusal !== undefined) throw refusal
        behind = checkpoint
        if (channel === undefined) {
          const before = append ? this.committed(dataset) : base
          this.rows.set(dataset, before.concat(pending))
          pending = []
        }
        this.checkpoints.set(key(dataset, pipeline), checkpoint)
      },
      close: (committed: boolean) => channel?.end(committed),
    }
  }
}

const key = (dataset: string, pipeline: string): string => JSON.stringify([dataset, pipeline])

/** One batch at a time goes from the run to the reader; the run waits until it is taken. */
class Channel implements AsyncIterable<Row> {
  private batch: ReadonlyArray<Row> = []
  private taken: (() => void) | undefined
  private arrived: (() => void) | undefined
  private ended: "no" | "committed" | "failed" | "left" = "no"

  async push(rows: ReadonlyArray<Row>): Promise<void> {
    if (this.ended === "left") return
    const taken = new Promise<void>((resolve) => (this.taken = resolve))
    this.batch = rows
    this.arrived?.()
    await taken
  }

  end(committed: boolean): void {
    if (this.ended === "no") this.ended = committed ? "committed" : "failed"
    this.arrived?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Row> {
    try {
      for (;;) {
        if (this.batch.length === 0 && this.ended === "no") await new Promise<void>((resolve) => (this.arrived = resolve))
        const rows = this.batch
        this.batch = []
        yield* rows
        this.taken?.()
        if (rows.length > 0) continue
        if (this.ended === "failed") throw new Error("the run ended before all rows were written")
        if (this.ended !== "no") return
      }
    } finally {
      // Whoever leaves the loop early must not hold the run up.
      this.ended = this.ended === "no" ? "left" : this.ended
      this.taken?.()
    }
  }
}
