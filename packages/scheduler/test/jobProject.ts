/** A project in a folder that several processes share: numbers go into a table, and files say where a run stands still or fails. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as delay } from "node:timers/promises"
import { sqliteDestination } from "@deltaflow/connectors/sqlite"
import { createEngine, defineSource, type Engine, type PipelineDefinition, type Store } from "@deltaflow/core"
import { sqliteStore } from "@deltaflow/core/store/sqlite"

export const ROWS = 50

export const numbers: PipelineDefinition = {
  name: "numbers",
  sources: [{ type: "numbers", incremental: true }],
  destinations: [{ type: "sqlite", path: "out.db", table: "rows", write_mode: "append", flush_interval: 0 }],
}

/** Its step is no expression. */
export const wrong: PipelineDefinition = { ...numbers, name: "wrong", transforms: [{ type: "filter", condition: "id >" }] }

export interface JobProject extends AsyncDisposable {
  readonly root: string
  readonly engine: Engine
  /** A run stands still before it reads this row, whichever process it is in. */
  readonly stopAt: (row: number) => void
  readonly goOn: () => void
  /** One run fails before it reads this row. */
  readonly failAt: (row: number) => void
  /** What the table holds, in the order of its rows. */
  readonly ids: () => ReadonlyArray<number>
}

export const newFolder = (): string => mkdtempSync(path.join(tmpdir(), "deltaflow-jobs-"))

export const openProject = (root: string, { keeps = false }: { readonly keeps?: boolean } = {}): JobProject => {
  const stopFile = path.join(root, "stop-at")
  const failFile = path.join(root, "fail-at")
  const isAt = (file: string, row: number): boolean => existsSync(file) && row >= Number(readFileSync(file, "utf8"))
  const source = defineSource<unknown, { readonly at: number }>({
    type: "numbers",
    async *read({ cursor, signal }) {
      for (let at = cursor?.at ?? 0; at < ROWS; at += 10) {
        while (isAt(stopFile, at) && !signal.aborted) await delay(5)
        if (isAt(failFile, at)) {
          rmSync(failFile)
          throw new Error("it was told to fail")
        }
        yield { rows: Array.from({ length: 10 }, (_, i) => ({ id: at + i })), cursor: { at: at + 10 } }
      }
    },
  })
  const store: Store = sqliteStore({ path: path.join(root, "state.db") })
  const engine = createEngine({ plugins: [source, sqliteDestination], projectRoot: root, store })
  return {
    root,
    engine,
    stopAt: (row) => writeFileSync(stopFile, String(row)),
    goOn: () => rmSync(stopFile, { force: true }),
    failAt: (row) => writeFileSync(failFile, String(row)),
    ids: () => {
      if (!existsSync(path.join(root, "out.db"))) return []
      const database = new DatabaseSync(path.join(root, "out.db"))
      try {
        return database
          .prepare("SELECT id FROM rows ORDER BY rowid")
          .all()
          .map(({ id }) => Number(id))
      } catch (error) {
        // The table comes with the first rows.
        if (String(error).includes("no such table")) return []
        throw error
      } finally {
        database.close()
      }
    },
    async [Symbol.asyncDispose]() {
      rmSync(stopFile, { force: true })
      await engine.close()
      if (!keeps) rmSync(root, { recursive: true, force: true })
    },
  }
}
