/** Kept rows as the batches that a step gives. */
import type { Batch } from "../../model/Batch.ts"
import { BatchBuilder } from "./batchBuilder.ts"
import type { Piece } from "./entries.ts"
import type { BlockingHost } from "./host.ts"
import type { RowForm } from "./rowForm.ts"
import type { SortedEntries } from "./runs.ts"

/** Bytes of rows in one batch, where rows are large. */
export const LARGEST_BATCH = 8 * 1024 * 1024

export class BatchCutter {
  private readonly builder: BatchBuilder
  private readonly rows: number
  private readonly bytes: number

  constructor(form: RowForm, { batchSize, memory }: Pick<BlockingHost, "batchSize" | "memory">) {
    this.builder = new BatchBuilder(form)
    this.rows = batchSize
    this.bytes = Math.min(LARGEST_BATCH, memory)
  }

  /** Takes a copy of the row, and gives a batch where there are enough. */
  add({ bytes, start, end }: Piece): Batch | undefined {
    const { builder } = this
    builder.add(bytes, start, end)
    return builder.length >= this.rows || builder.size >= this.bytes ? builder.build() : undefined
  }

  /** The last batch. */
  *rest(): Generator<Batch, void, undefined> {
    if (this.builder.length > 0) yield this.builder.build()
  }
}

/** The rows of sorted entries. */
export async function* batchesOf(
  entries: SortedEntries,
  form: RowForm,
  host: Pick<BlockingHost, "batchSize" | "memory">,
): AsyncGenerator<Batch, void, undefined> {
  const cutter = new BatchCutter(form, host)
  for (let more = entries.next(); more === true || (more !== false && (await more)); more = entries.next()) {
    const batch = cutter.add(entries.entry.row)
    if (batch !== undefined) yield batch
  }
  yield* cutter.rest()
}
