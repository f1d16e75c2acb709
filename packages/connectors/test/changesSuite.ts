/** `merge`, `scd2` and `hard_deletes` of any destination, against a model that does what each row says, one after the other. */
import { memorySource } from "@deltaflow/connectors"
import { createEngine, defineSource, type Destination, type PipelineDefinition, type RunHandle } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { changed, changes, deleting, historyOf, merging, mergeRules, type Stored, trimmed } from "./changesModel.ts"

/** A database to try. */
export interface ChangesTarget {
  readonly destination: Destination
  readonly projectRoot: string
  /** The config of a table that is not there yet, and how to look at tables of the same place. Times come as ISO 8601 in UTC. */
  readonly newTable: () => {
    readonly config: Record<string, unknown>
    readonly sql: (text: string) => Promise<ReadonlyArray<Record<string, unknown>>>
  }
}

/** `effort` is a factor of how many random cases are tried. */
export const changesSuite = (target: () => ChangesTarget, effort = 1): void => {
  class Place {
    readonly store = memoryStore()
    readonly table = target().newTable()
    now = Date.UTC(2026, 0, 1)

    async run(rows: ReadonlyArray<object>, destination: Record<string, unknown>, more: Partial<PipelineDefinition> = {}) {
      this.now += 1500
      const { destination: plugin, projectRoot } = target()
      await using engine = createEngine({ plugins: [memorySource({ rows }), plugin], projectRoot, store: this.store, now: () => this.now })
      return await engine.run({
        name: "changes",
        sources: [{ type: "memory", batch_size: 3, columns: { id: "integer", name: "string", score: "integer", at: "timestamptz" } }],
        destinations: [{ type: plugin.type, ...this.table.config, key: "id", ...destination }],
        ...more,
      })
    }

    /** `rows` stands for the table. */
    async sql(text: string): Promise<ReadonlyArray<Record<string, unknown>>> {
      const found = await this.table.sql(text.replace(/\brows\b/, String(this.table.config["table"])))
      return found.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, trimmed(value)])))
    }
  }

  const rowsOf = async (place: Place): Promise<ReadonlyArray<Stored>> =>
    (await place.sql("SELECT id, name, score FROM rows ORDER BY id")) as unknown as ReadonlyArray<Stored>

  describe("hard_deletes: key", () => {
    it("deletes what is told to be gone, and updates the others", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(changes, { maxLength: 3 }), async (loads) => {
          const place = new Place()
          let model: ReadonlyMap<number, Stored> = new Map()
          await place.run([], { write_mode: "upsert", hard_deletes: "key" }, withColumns)
          for (const load of loads) {
            await place.run(load, { write_mode: "upsert", hard_deletes: "key" })
            model = changed(model, load, deleting)
          }
          expect(await rowsOf(place)).toEqual([...model.values()].toSorted((a, b) => a.id - b.id))
        }),
        { numRuns: 40 * effort },
      )
    })

    it("does not store the column, which may have another name", async () => {
      const place = new Place()
      const rows = [
        { id: 1, name: "a", is_gone: false },
        { id: 2, name: "b", is_gone: true },
        { id: 3, name: "c", is_gone: null },
      ]
      await place.run(rows, { write_mode: "upsert", hard_deletes: "key", deleted_column: "is_gone" })
      expect(await place.sql("SELECT * FROM rows")).toEqual([
        { id: 1, name: "a" },
        { id: 3, name: "c" },
      ])
    })
  })

  /** A source without rows does not say its columns. */
  const withColumns: Partial<PipelineDefinition> = {
    sources: [
      {
        type: "memory",
        optional: true,
        columns: { id: "integer", name: "string", score: "integer", _deleted: "boolean", at: "timestamptz" },
      },
    ],
  }

  describe("hard_deletes: absence", () => {
    const whole = { write_mode: "upsert", hard_deletes: "absence" }
    const rows = [1, 2, 3, 4, 5].map((id) => ({ id, name: `n${id}` }))

    it("deletes what has not come", async () => {
      const place = new Place()
      await place.run(rows, whole)
      await place.run([rows[4]!, rows[1]!, { id: 9, name: "n9" }], whole)
      expect((await place.sql("SELECT id FROM rows ORDER BY id")).map(({ id }) => id)).toEqual([2, 5, 9])
      await place.run([], whole, withColumns)
      expect(await place.sql("SELECT id FROM rows")).toEqual([])
    })

    it("deletes nothing where a row was rejected, of which it is not known which one it is", async () => {
      const place = new Place()
      await place.run(rows, whole)
      const skipping = {
        error_handling: {
          strategy: "skip",
          dead_letter: { type: target().destination.type, ...place.table.config, table: `${String(place.table.config["table"])}_rejected` },
        },
      } as const
      const transforms = [{ type: "map", fields: { ratio: "1 / (id - 2)" } }]
      await place.run(rows.slice(0, 2), whole, { ...skipping, transforms })
      expect((await place.sql("SELECT id FROM rows ORDER BY id")).map(({ id }) => id)).toEqual([1, 2, 3, 4, 5])
    })

    it("deletes nothing where the run fails", async () => {
      const place = new Place()
      await place.run(rows, whole)
      const failing = { transforms: [{ type: "map", fields: { ratio: "1 / (id - 2)" } }] }
      await expect(place.run(rows.slice(0, 2), whole, failing)).rejects.toThrow("division by zero")
      expect((await place.sql("SELECT id FROM rows")).length).toBe(5)
    })

    it("deletes nothing where the run is stopped", async () => {
      const place = new Place()
      await place.run(rows, whole)
      const started = Promise.withResolvers<RunHandle>()
      const source = defineSource({
        type: "stopping",
        async *read() {
          yield rows.slice(0, 1)
          void (await started.promise).stop()
        },
      })
      const { destination: plugin, projectRoot } = target()
      await using engine = createEngine({ plugins: [source, plugin], projectRoot, store: place.store })
      const destination = { type: plugin.type, ...place.table.config, key: "id", write_mode: "upsert", hard_deletes: "absence" } as const
      const handle = await engine.start({ name: "changes", sources: [{ type: "stopping" }], destinations: [destination] })
      started.resolve(handle)
      expect((await handle.done).status).toBe("cancelled")
      expect((await place.sql("SELECT id FROM rows")).length).toBe(5)
    })
  })

  describe("merge", () => {
    it("does with each row what the first rule that holds says, one after the other", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(changes, { maxLength: 3 }), fc.subarray(mergeRules.map((_, i) => i)), async (loads, chosen) => {
          const rules = chosen.map((i) => mergeRules[i]!)
          const merge = { write_mode: "merge", when: rules.map(({ rule }) => rule) }
          const place = new Place()
          let model: ReadonlyMap<number, Stored> = new Map()
          if (rules.length === 0) return
          await place.run([], merge, withColumns)
          for (const load of loads) {
            await place.run(load, merge)
            model = changed(model, load, merging(rules))
          }
          expect(await rowsOf(place)).toEqual([...model.values()].toSorted((a, b) => a.id - b.id))
        }),
        { numRuns: 60 * effort },
      )
    })

    it("sets aside a row of which a rule cannot be computed, and says where a rule is wrong before anything runs", async () => {
      const place = new Place()
      const when = [{ condition: "10 / score > 1", action: "insert" }]
      const dead_letter = {
        type: target().destination.type,
        ...place.table.config,
        table: `${String(place.table.config["table"])}_rejected`,
      }
      const skipping = { error_handling: { strategy: "skip", dead_letter } } as const
      const load = [
        { id: 1, name: "a", score: 5 },
        { id: 2, name: "b", score: 0 },
        { id: 3, name: "c", score: 50 },
      ]
      const run = await place.run(load, { write_mode: "merge", when }, skipping)
      expect(run.rowsRejected).toBe(1)
      expect(await rowsOf(place)).toEqual([load[0]])
      expect(await place.table.sql(`SELECT row_number, "row", code FROM ${String(place.table.config["table"])}_rejected`)).toEqual([
        { row_number: 2, row: '{"id":2,"name":"b","score":0}', code: "DIVISION_BY_ZERO" },
      ])
      await expect(place.run(load, { write_mode: "merge", when })).rejects.toThrow(/^changes \/ destinations\[0\]: row 2: .*zero/)
      const wrong = [
        { action: "update", condition: "scor > 1" },
        { action: "update", set: { name: "upper(score)" } },
      ]
      await expect(place.run(load, { write_mode: "merge", when: wrong })).rejects.toMatchObject({
        cause: {
          issues: [
            { code: "UNKNOWN_COLUMN", path: "destinations[0].when[0].condition", position: 0 },
            { path: "destinations[0].when[1].set.name" },
          ],
        },
      })
    })

    it("needs a value in the key", async () => {
      const place = new Place()
      const when = [{ action: "insert" }]
      await expect(place.run([{ id: 1 }, { id: null }], { write_mode: "merge", when })).rejects.toThrow(
        /row 2, column id: .*(no value|null value)/,
      )
    })
  })

  describe("scd2", () => {
    const history = { write_mode: "scd2", changed_at: "at", hard_deletes: "key" }
    const versions = async (place: Place) =>
      (await place.sql("SELECT id, name, score, valid_from, valid_to, is_current FROM rows")).toSorted((a, b) =>
        timeOf(a) < timeOf(b) ? -1 : 1,
      )
    const timeOf = (row: Record<string, unknown>): string => `${String(row["id"])} ${String(row["valid_from"]).replace("Z", "")}`

    it("keeps each version with its times, however the rows come", async () => {
      await fc.assert(
        fc.asyncProperty(changes, fc.array(fc.noBias(fc.integer({ min: 0, max: 100 })), { maxLength: 3 }), async (log, cuts) => {
          const place = new Place()
          // Each row is later than the one before.
          const rows = log.map((row, i) => ({ ...row, at: new Date(Date.UTC(2026, 0, 1) + 250 * i).toISOString() }))
          const at = [...cuts.map((share) => Math.floor((share * rows.length) / 100)).toSorted((a, b) => a - b), rows.length]
          await place.run([], history, withColumns)
          for (const [i, end] of at.entries()) {
            const load = rows.slice(at[i - 1] ?? 0, end)
            await place.run(load, history)
            // The same again changes nothing.
            if (i % 2 === 0) await place.run(load, history)
          }
          expect(await versions(place)).toEqual(historyOf(rows))
        }),
        { numRuns: 40 * effort },
      )
    })

    it("goes by the run's start where no column says when a row changed", async () => {
      const place = new Place()
      const plain = { write_mode: "scd2" }
      const [first, second] = ["2026-01-01T00:00:01.5Z", "2026-01-01T00:00:03Z"]
      await place.run(
        [
          { id: 1, name: "a" },
          { id: 2, name: "b" },
        ],
        plain,
      )
      await place.run(
        [
          { id: 1, name: "x" },
          { id: 1, name: "c" },
          { id: 2, name: "b" },
        ],
        plain,
      )
      await place.run([{ id: 1, name: "c" }], plain)
      expect(await place.sql("SELECT * FROM rows ORDER BY id, valid_from")).toEqual([
        { id: 1, name: "a", valid_from: first, valid_to: second, is_current: 0 },
        { id: 1, name: "c", valid_from: second, valid_to: null, is_current: 1 },
        { id: 2, name: "b", valid_from: first, valid_to: null, is_current: 1 },
      ])
      // A clock that goes back.
      place.now = Date.UTC(2025, 0, 1)
      await place.run([{ id: 2, name: "d" }], plain)
      expect(await place.sql("SELECT name FROM rows WHERE id = 2 AND is_current")).toEqual([{ name: "d" }])
    })

    it("closes what has not come, and begins anew where it is back", async () => {
      const place = new Place()
      const absence = { write_mode: "scd2", hard_deletes: "absence", valid_from: "since", valid_to: "until", is_current: "now" }
      const [a, b] = [
        { id: 1, name: "a" },
        { id: 2, name: "b" },
      ]
      await place.run([a, b], absence)
      await place.run([b], absence)
      await place.run([a, b], absence)
      const [one, two, three] = [1500, 3000, 4500].map((at) => trimmed(new Date(Date.UTC(2026, 0, 1) + at).toISOString()))
      expect(await place.sql("SELECT * FROM rows ORDER BY id, since")).toEqual([
        { ...a, since: one, until: two, now: 0 },
        { ...a, since: three, until: null, now: 1 },
        { ...b, since: one, until: null, now: 1 },
      ])
    })

    it("puts a version that comes late where it belongs", async () => {
      const place = new Place()
      const at = (second: number) => `2026-01-01T00:00:0${second}Z`
      const plain = { write_mode: "scd2", changed_at: "at" }
      await place.run(
        [
          { id: 1, name: "a", at: at(1) },
          { id: 1, name: "c", at: at(5) },
        ],
        plain,
      )
      await place.run([{ id: 1, name: "b", at: at(3) }], plain)
      expect(await place.sql("SELECT name, valid_from, valid_to, is_current FROM rows ORDER BY valid_from")).toEqual([
        { name: "a", valid_from: at(1), valid_to: at(3), is_current: 0 },
        { name: "b", valid_from: at(3), valid_to: at(5), is_current: 0 },
        { name: "c", valid_from: at(5), valid_to: null, is_current: 1 },
      ])
    })
  })

  describe("a definition", () => {
    it.each([
      [{ write_mode: "merge" }, "needs `when`"],
      [{ write_mode: "upsert", when: [{ action: "insert" }] }, "`when` goes with `write_mode: merge`"],
      [{ write_mode: "merge", when: [{ action: "delete", set: { a: "1" } }] }, "no columns to set"],
      [{ write_mode: "merge", when: [{ action: "update", set: { id: "1" } }] }, "a rule cannot set it"],
      [{ write_mode: "upsert", valid_from: "x" }, "`valid_from` goes with `write_mode: scd2`"],
      [{ write_mode: "replace", hard_deletes: "key" }, "`write_mode: replace` has none"],
      [{ write_mode: "upsert", deleted_column: "x" }, "`deleted_column` goes with `hard_deletes: key`"],
      [{ write_mode: "scd2", changed_at: "at", hard_deletes: "absence" }, "says nothing"],
      [{ write_mode: "scd2", key: undefined }, "needs `key`"],
    ])("is refused: %j", async (destination, message) => {
      await expect(new Place().run([{ id: 1 }], destination)).rejects.toThrow(message)
    })

    it("is refused where what has not come is not gone", async () => {
      const sources = [{ type: "memory", incremental: true }]
      await expect(new Place().run([{ id: 1 }], { write_mode: "upsert", hard_deletes: "absence" }, { sources })).rejects.toThrow(
        "a run brings only what is new",
      )
    })

    it("is refused where the rows have no column that says what is gone", async () => {
      await expect(new Place().run([{ id: 1 }], { write_mode: "upsert", hard_deletes: "key" })).rejects.toMatchObject({
        cause: { issues: [{ code: "UNKNOWN_COLUMN", path: "destinations[0].deleted_column" }] },
      })
    })
  })
}
