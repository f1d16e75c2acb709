import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { sqliteDestination } from "@deltaflow/connectors"
import { afterAll, describe } from "vitest"
import { changesSuite } from "./changesSuite.ts"

const projectRoot = mkdtempSync(path.join(tmpdir(), "changes-"))
afterAll(() => rmSync(projectRoot, { recursive: true }))

let files = 0

describe("sqlite", () => {
  changesSuite(() => ({
    destination: sqliteDestination,
    projectRoot,
    newTable: () => {
      const file = `${++files}.db`
      const sql = async (text: string) => {
        const database = new DatabaseSync(path.join(projectRoot, file))
        try {
          return database.prepare(text).all()
        } finally {
          database.close()
        }
      }
      return { config: { path: file, table: "kept" }, sql }
    },
  }))
})
