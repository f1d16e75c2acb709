import { Batch } from "@deltaflow/core"
import { columnTypes, cutRows, tables } from "@deltaflow/testing"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { loadAll, projectFolder, readAll } from "../../test/harness.ts"
import { asStored, typesOf } from "../../test/parquetRows.ts"
import { parquetDestination, parquetSource } from "./index.ts"
import { compressions } from "./options.ts"

describe("what was written", () => {
  it("is read as it was, whatever the types, values, batches, row groups and compression", async () => {
    const cases = tables({ types: [...columnTypes, "uuid[]", "boolean[]", "double[]", "bytes[]", "json[]"], maxRows: 25 }).chain(
      ({ schema, rows }) =>
        fc.record({
          schema: fc.constant(schema),
          pieces: cutRows(asStored(rows, schema)),
          compression: fc.constantFrom(...compressions),
          size: fc.integer({ min: 1, max: 9 }),
          batchSize: fc.integer({ min: 1, max: 30 }),
        }),
    )
    await fc.assert(
      fc.asyncProperty(cases, async ({ schema, pieces, compression, size, batchSize }) => {
        const root = projectFolder()
        const batches = pieces.map((rows) => Batch.fromRows([...rows], schema))
        await loadAll(parquetDestination, { path: "a.parquet", compression, row_group_size: size }, batches, { root, schema })
        const result = await readAll(parquetSource, { path: "a.parquet" }, { root, batchSize })
        expect(typesOf(result.schema)).toEqual(typesOf(schema))
        expect(result.rows).toEqual(asStored(pieces.flat(), schema))
      }),
      { numRuns: 150 },
    )
  })
})
