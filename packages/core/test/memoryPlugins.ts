/** Small plugins in the Promise form for stories about the engine. */
import { type Checkpoint, defineDestination, defineSource, type Destination, type Row, type Source } from "../src/index.ts"

/** Rows in batches of `batchSize`, with a cursor after each. */
export const rowsSource = (rows: ReadonlyArray<object>, type = "rows"): Source =>
  defineSource<unknown, { at: number }>({
    type,
    async *read({ cursor, batchSize }) {
      for (let at = cursor?.at ?? 0; at < rows.length; at += batchSize) {
        yield { rows: rows.slice(at, at + batchSize), cursor: { at: Math.min(rows.length, at + batchSize) } }
      }
    },
  })

export interface KeptRows {
  readonly destination: Destination
  /** Rows of final commits. */
  readonly rows: Array<Row>
  readonly commits: Array<{ readonly checkpoint: Checkpoint; readonly final: boolean }>
  readonly closed: Array<boolean>
}

export interface KeepOptions {
  readonly type?: string
  readonly commitsEarly?: boolean
  readonly onWrite?: (rows: ReadonlyArray<Row>) => Promise<void> | void
  /** Called once the rows are kept. */
  readonly onCommit?: (final: boolean) => Promise<void> | void
}

/** Keeps what was committed; a load that is closed without commit leaves nothing. */
export const keepRows = (options: KeepOptions = {}): KeptRows => {
  const kept: KeptRows = {
    rows: [],
    commits: [],
    closed: [],
    destination: defineDestination({
      type: options.type ?? "keep",
      writeModes: ["append"],
      open: () => {
        let pending: Array<Row> = []
        return {
          commitsEarly: options.commitsEarly ?? false,
          write: async (rows) => {
            await options.onWrite?.(rows)
            pending.push(...rows)
          },
          commit: async (checkpoint, final) => {
            kept.rows.push(...pending)
            kept.commits.push({ checkpoint, final })
            pending = []
            await options.onCommit?.(final)
          },
          close: (committed) => void kept.closed.push(committed),
        }
      },
    }),
  }
  return kept
}
