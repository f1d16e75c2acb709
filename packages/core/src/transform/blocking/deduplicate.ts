/**
 * `deduplicate`: one row of those that share a key. Rows that stay keep their order.
 *
 * A null equals a null. `latest` and `earliest` take a row without a value in `by` only where no row has one; of rows that are equal in
 * `by`, `latest` takes the last that came and `earliest` the first.
 */
import type { Batch } from "../../model/Batch.ts"
import type { BatchSchema } from "../../model/ColumnType.ts"
import { StepScope } from "../scope.ts"
import type { DeduplicateStep, OnRowError, StepsSpec } from "../Step.ts"
import type { ByteWriter } from "./byteWriter.ts"
import type { BlockingHost, BlockingRun } from "./host.ts"
import { type Candidate, CandidateReader, KeptRows } from "./keptRows.ts"
import { checkColumns, equalityKey, KeyedRows, type Writers } from "./keyedRows.ts"
import type { BlockingCheck, BlockingKind } from "./kind.ts"
import { BatchCutter, batchesOf } from "./output.ts"
import { entriesOf } from "./partitions.ts"
import { Sorter } from "./sorter.ts"
import type { Range } from "./spill.ts"

const check = (spec: StepsSpec, index: number, step: DeduplicateStep, input: BatchSchema): BlockingCheck => {
  const scope = new StepScope(input.columns, spec)
  const keys = step.key.map((name, i) => ({ name, path: step.key.length === 1 ? "key" : `key[${i}]` }))
  checkColumns(scope, step.by === undefined ? keys : [...keys, { name: step.by, path: "by" }], index, step)
  return { issues: scope.issues, output: input }
}

class DeduplicateRun implements BlockingRun {
  private readonly rows: KeyedRows
  private readonly host: BlockingHost
  private readonly keep: DeduplicateStep["keep"]
  private readonly kept: KeptRows
  private seen = 0

  constructor(spec: StepsSpec, index: number, step: DeduplicateStep, input: BatchSchema | undefined, host: BlockingHost) {
    const by = step.by === undefined ? [] : [{ column: step.by, descending: false, nullsFirst: step.keep === "latest" }]
    const keys = [equalityKey(step.key), by]
    this.rows = new KeyedRows({ spec, index, keys, planned: input, check: (schema) => check(spec, index, step, schema).issues[0] })
    this.host = host
    this.keep = step.keep
    this.kept = new KeptRows(step.keep, host, 0)
  }

  add(batch: Batch, onRowError?: OnRowError): void | Promise<void> {
    return this.addFrom(batch, 0, this.rows.writers(batch), onRowError)
  }

  private addFrom(batch: Batch, from: number, writers: Writers, onRowError: OnRowError | undefined): void | Promise<void> {
    const { rows, kept } = this
    const [key, by] = rows.keys as [ByteWriter, ByteWriter]
    const candidate: { -readonly [Field in keyof Candidate]: Candidate[Field] } = { sequence: 0, by, row: rows.row }
    for (let i = from; i < batch.length; i++) {
      const row = batch.physicalRow(i)
      candidate.sequence = this.seen++
      if (!rows.writeKeys(batch, row, writers, onRowError) || !kept.wants(key, by)) continue
      if (!rows.writeRow(batch, row, writers, onRowError)) continue
      kept.take(key, candidate)
      if (kept.groups.isFull) return kept.groups.flush().then(() => this.addFrom(batch, i + 1, writers, onRowError))
    }
  }

  async *finish(): AsyncGenerator<Batch, void, undefined> {
    const { kept, host, rows } = this
    const parts = await kept.groups.parts()
    if (parts.length === 0) {
      yield* this.fromMemory()
      return
    }
    const sorter = new Sorter({ memory: host.memory / 4, openSpill: host.openSpill })
    await give(kept, sorter)
    await this.giveParts(parts, 1, sorter)
    yield* batchesOf(await sorter.sorted(), rows.form, host)
  }

  private *fromMemory(): Generator<Batch, void, undefined> {
    const { kept, host, rows } = this
    const cutter = new BatchCutter(rows.form, host)
    const reader = new CandidateReader()
    for (const group of kept.inOrder()) {
      kept.read(group, reader)
      const batch = cutter.add(reader.row)
      if (batch !== undefined) yield batch
    }
    yield* cutter.rest()
  }

  /** What did not fit into the table, part by part, with what does not fit then, and so on. */
  private async giveParts(parts: ReadonlyArray<ReadonlyArray<Range>>, level: number, sorter: Sorter): Promise<void> {
    const spill = await this.host.openSpill()
    for (const ranges of parts) {
      const kept = new KeptRows(this.keep, this.host, level)
      const candidate = new CandidateReader()
      for await (const { key, row } of entriesOf(spill, ranges)) {
        candidate.read(row)
        if (kept.wants(key, candidate.by)) kept.take(key, candidate)
        if (kept.groups.isFull) await kept.groups.flush()
      }
      await give(kept, sorter)
      await this.giveParts(await kept.groups.parts(), level + 1, sorter)
    }
  }
}

/** Moves the kept rows to the sorter that brings those of all parts into one order. */
const give = async (kept: KeptRows, sorter: Sorter): Promise<void> => {
  const reader = new CandidateReader()
  for (let group = 0; group < kept.groups.count; group++) {
    kept.read(group, reader)
    sorter.add(reader.number, reader.row)
    if (sorter.isFull) await sorter.spill()
  }
  kept.clear()
}

export const deduplicateKind: BlockingKind<DeduplicateStep> = {
  check,
  start: (spec, index, step, input, host) => new DeduplicateRun(spec, index, step, input, host),
}
