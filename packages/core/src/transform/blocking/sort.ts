/** `sort`: the rows in order. Rows that are equal in all keys keep the order in which they came. */
import type { Batch } from "../../model/Batch.ts"
import type { BatchSchema } from "../../model/ColumnType.ts"
import { StepScope } from "../scope.ts"
import type { OnRowError, SortStep, StepsSpec } from "../Step.ts"
import type { BlockingHost, BlockingRun } from "./host.ts"
import type { BlockingCheck, BlockingKind } from "./kind.ts"
import { checkColumns, KeyedRows, type Writers } from "./keyedRows.ts"
import { batchesOf } from "./output.ts"
import { Sorter } from "./sorter.ts"

const check = (spec: StepsSpec, index: number, step: SortStep, input: BatchSchema): BlockingCheck => {
  const scope = new StepScope(input.columns, spec)
  const names = step.by.map(({ column }, i) => ({ name: column, path: step.by.length === 1 ? "by" : `by[${i}].column` }))
  checkColumns(scope, names, index, step)
  return { issues: scope.issues, output: input }
}

class SortRun implements BlockingRun {
  private readonly rows: KeyedRows
  private readonly sorter: Sorter
  private readonly host: BlockingHost

  constructor(spec: StepsSpec, index: number, step: SortStep, input: BatchSchema | undefined, host: BlockingHost) {
    this.rows = new KeyedRows({
      spec,
      index,
      keys: [step.by],
      planned: input,
      check: (schema) => check(spec, index, step, schema).issues[0],
    })
    this.sorter = new Sorter(host)
    this.host = host
  }

  add(batch: Batch, onRowError?: OnRowError): void | Promise<void> {
    return this.addFrom(batch, 0, this.rows.writers(batch), onRowError)
  }

  private addFrom(batch: Batch, from: number, writers: Writers, onRowError: OnRowError | undefined): void | Promise<void> {
    const { rows, sorter } = this
    const [key] = rows.keys
    for (let i = from; i < batch.length; i++) {
      if (!rows.write(batch, batch.physicalRow(i), writers, onRowError)) continue
      sorter.add(key!, rows.row)
      if (sorter.isFull) return sorter.spill().then(() => this.addFrom(batch, i + 1, writers, onRowError))
    }
  }

  async *finish(): AsyncGenerator<Batch, void, undefined> {
    yield* batchesOf(await this.sorter.sorted(), this.rows.form, this.host)
  }
}

export const sortKind: BlockingKind<SortStep> = {
  check,
  start: (spec, index, step, input, host) => new SortRun(spec, index, step, input, host),
}
