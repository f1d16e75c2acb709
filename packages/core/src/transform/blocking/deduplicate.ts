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
import { Span } from "./entries.ts"
import type { BlockingHost, BlockingRun } from "./host.ts"
import { BLOCK_ROWS, KeyBlock } from "./keyBlock.ts"
import { CandidateReader, KeptRows } from "./keptRows.ts"
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
  /** Keys and values of `by` of the rows at hand, and which of them could be read. */
  private readonly blocks = [new KeyBlock(), new KeyBlock()] as const
  private readonly readable = new Uint8Array(BLOCK_ROWS)
  private readonly key = new Span()
  private readonly by = new Span()
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
    for (let i = from; i < batch.length; i += BLOCK_ROWS) {
      const to = Math.min(batch.length, i + BLOCK_ROWS)
      this.readKeys(batch, i, to, writers)
      const next = this.addBlock(batch, i, to, writers, onRowError)
      if (this.kept.groups.isFull) return this.kept.groups.flush().then(() => this.addFrom(batch, next, writers, onRowError))
    }
  }

  private readKeys(batch: Batch, from: number, to: number, writers: Writers): void {
    const { rows, blocks } = this
    for (const block of blocks) block.clear()
    for (let i = from; i < to; i++) this.readable[i - from] = rows.addKeys(batch.physicalRow(i), writers, blocks) ? 1 : 0
  }

  /** Takes the rows whose keys have been read, until all are taken or the groups are full. Gives the place of the first that was not. */
  private addBlock(batch: Batch, from: number, to: number, writers: Writers, onRowError: OnRowError | undefined): number {
    const { rows, kept, readable, key, by } = this
    const [keys, bys] = this.blocks
    const may = kept.mayStay(keys, bys)
    for (let i = from; i < to; i++) {
      const sequence = this.seen++
      const row = batch.physicalRow(i)
      if (readable[i - from] === 0) rows.writeKeys(batch, row, writers, onRowError)
      else if (may[i - from] === 1) {
        keys.at(i - from, key)
        bys.at(i - from, by)
        if (!kept.wantsNext(i - from, key, by) || !rows.appendRow(batch, row, writers, onRowError, kept.begin(sequence, by))) continue
        kept.take(key, sequence)
        if (kept.groups.isFull) return i + 1
      }
    }
    return to
  }

  async *finish(): AsyncGenerator<Batch, void, undefined> {
    const { kept, host, rows } = this
    if (this.seen > 0) await host.remembered?.begin(JSON.stringify(rows.keyTypes(rows.form.schema!)))
    const parts = await kept.groups.parts()
    if (parts.length === 0) {
      const late = await this.late(kept)
      yield* this.fromMemory(late)
      return
    }
    const sorter = new Sorter({ memory: host.memory / 4, openSpill: host.openSpill })
    await this.give(kept, sorter)
    await this.giveParts(parts, 1, sorter)
    yield* batchesOf(await sorter.sorted(), rows.form, host)
  }

  /** Which groups an earlier run has a better row of. The rows of all others are the ones to beat for the runs to come. */
  private async late(kept: KeptRows): Promise<ReadonlySet<number>> {
    const late = new Set<number>()
    const { remembered, batchSize } = this.host
    if (remembered === undefined) return late
    const { count } = kept.groups
    for (let from = 0; from < count; from += batchSize) {
      const groups = Array.from({ length: Math.min(count - from, batchSize) }, (_, i) => from + i)
      const keys = groups.map((group) => kept.groups.keyOf(group))
      const earlier = await remembered.find(keys)
      const won: Array<readonly [Uint8Array, string]> = []
      earlier.forEach((saved, i) => {
        const group = groups[i]!
        if (saved !== undefined && !kept.beats(group, Buffer.from(saved, "base64"))) late.add(group)
        else won.push([keys[i]!, kept.byOf(group)])
      })
      await remembered.keep(won)
    }
    return late
  }

  private *fromMemory(late: ReadonlySet<number>): Generator<Batch, void, undefined> {
    const { kept, host, rows } = this
    const cutter = new BatchCutter(rows.form, host)
    const reader = new CandidateReader()
    for (const group of kept.finished()) {
      if (late.has(group)) continue
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
        if (kept.wants(key, candidate.by)) {
          kept.begin(candidate.sequence, candidate.by).copy(row.bytes, candidate.row.start, row.end)
          kept.take(key, candidate.sequence)
        }
        if (kept.groups.isFull) await kept.groups.flush()
      }
      await this.give(kept, sorter)
      await this.giveParts(await kept.groups.parts(), level + 1, sorter)
    }
  }

  /** Moves the kept rows to the sorter that brings those of all parts into one order. */
  private async give(kept: KeptRows, sorter: Sorter): Promise<void> {
    const late = await this.late(kept)
    const reader = new CandidateReader()
    for (let group = 0; group < kept.groups.count; group++) {
      if (late.has(group)) continue
      kept.read(group, reader)
      sorter.add(reader.number, reader.row)
      if (sorter.isFull) await sorter.spill()
    }
    kept.clear()
  }
}

export const deduplicateKind: BlockingKind<DeduplicateStep> = {
  check,
  start: (spec, index, step, input, host) => new DeduplicateRun(spec, index, step, input, host),
}
