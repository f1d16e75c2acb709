/** `aggregate` and `deduplicate` over increments: any cutting of the rows into runs leaves what one run over all of them does. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { memorySource, sqliteDestination } from "@deltaflow/connectors"
import { createEngine, Decimal, type Destination, DestinationError, type PipelineDefinition, type Store } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"

const root = mkdtempSync(path.join(tmpdir(), "remembering-"))
afterAll(() => rmSync(root, { recursive: true }))

interface Event {
  readonly key: string
  readonly part: number
  readonly amount: Decimal | null | undefined
  readonly size: number | null
  readonly at: string | null
}

const events: fc.Arbitrary<ReadonlyArray<Event>> = fc.array(
  fc.record({
    key: fc.constantFrom("a", "b", "ä", ""),
    part: fc.integer({ min: 0, max: 2 }),
    amount: fc.option(fc.integer({ min: -500, max: 500 }).map((n) => Decimal.parse(`${n}.25`))),
    size: fc.option(fc.double({ noNaN: true, min: -1e100, max: 1e100 })),
    at: fc.option(fc.integer({ min: 0, max: 9 }).map((n) => `2026-01-0${1 + (n % 9)}T00:00:00Z`)),
  }),
  { minLength: 10, maxLength: 60, size: "max" },
)

type Definition = Pick<PipelineDefinition, "transforms" | "destinations">

const table = (name: string, key: ReadonlyArray<string>, more = {}) => ({
  type: "sqlite",
  name,
  path: "out.db",
  table: name,
  write_mode: "upsert" as const,
  ...(key.length === 0 ? {} : { key }),
  ...more,
})

const aggregated: Definition = {
  transforms: [
    { type: "filter", condition: "part < 2" },
    {
      type: "aggregate",
      group_by: ["key", "part"],
      metrics: {
        rows: "COUNT(*)",
        filled: "COUNT(amount) FILTER (WHERE size > 0)",
        total: "SUM(amount)",
        average: "AVG(size)",
        spread: "STDDEV(amount)",
        least: "MIN(at)",
        most: "MAX(amount)",
        kinds: "COUNT(DISTINCT amount)",
        any_large: "BOOL_OR(amount > 100)",
      },
    },
    { type: "map", fields: { per_row: "total / rows" } },
    { type: "rename", columns: { key: "name" } },
  ],
  destinations: [table("groups", ["part", "name"])],
}

const deduplicated = (keep: "latest" | "earliest" | "first", mode: "upsert" | "append" = "upsert"): Definition => ({
  transforms: [
    { type: "deduplicate", key: ["key", "part"], keep, ...(keep === "first" ? {} : { by: "at" }) },
    { type: "select", columns: ["part", "key", "amount", "at"] },
  ],
  destinations: [table("rows", mode === "append" ? [] : ["key", "part"], { write_mode: mode })],
})

let folders = 0

/** A place where runs follow each other, as in a process that starts anew for each. */
class Place {
  readonly folder = path.join(root, String(++folders))
  store: Store = memoryStore()
  private readonly definition: Definition
  private readonly plugin: Destination

  constructor(definition: Definition, plugin: Destination = sqliteDestination) {
    this.definition = definition
    this.plugin = plugin
  }

  async run(rows: ReadonlyArray<Event>, more: Partial<PipelineDefinition> = {}, options: { readonly fullRefresh?: boolean } = {}) {
    // Types of columns are those of the declaration, because an increment may have nothing but nulls.
    const columns = { key: "string", part: "integer", amount: "decimal", size: "double", at: "timestamptz" } as const
    await using engine = createEngine({ plugins: [memorySource({ rows }), this.plugin], projectRoot: this.folder, store: this.store })
    return await engine.run(
      {
        name: "remembering",
        sources: [{ type: "memory", incremental: true, batch_size: 7, columns }],
        defaults: { batch_size: 7 },
        ...this.definition,
        ...more,
      },
      options,
    )
  }

  table(name = this.definition.destinations[0]!["name"] as string): ReadonlyArray<unknown> {
    const database = new DatabaseSync(path.join(this.folder, "out.db"))
    try {
      return database
        .prepare(`SELECT * FROM "${name}"`)
        .all()
        .map((row) => JSON.stringify(row))
        .toSorted((a, b) => (a < b ? -1 : 1))
    } finally {
      database.close()
    }
  }
}

/** Prefixes of the rows, as a source gives them that grows. */
const cuts = (rows: ReadonlyArray<Event>, at: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<Event>> =>
  [...at.map((share) => Math.floor(share * rows.length)).toSorted((a, b) => a - b), rows.length].map((length) => rows.slice(0, length))

/** Without a bias, which would cut at the ends alone. */
const shares = fc.array(fc.noBias(fc.integer({ min: 0, max: 100 })), { maxLength: 5 }).map((percents) => percents.map((one) => one / 100))

describe.each([
  ["aggregate", aggregated],
  ["deduplicate, latest", deduplicated("latest")],
  ["deduplicate, earliest", deduplicated("earliest")],
  ["deduplicate, first", deduplicated("first")],
  ["deduplicate, first, appended", deduplicated("first", "append")],
])("%s", (_, definition) => {
  it("leaves the same, however the rows are cut into runs", async () => {
    await fc.assert(
      fc.asyncProperty(events, shares, async (rows, at) => {
        const [whole, pieces] = [new Place(definition), new Place(definition)]
        await whole.run(rows)
        for (const piece of cuts(rows, at)) await pieces.run(piece)
        expect(pieces.table()).toEqual(whole.table())
      }),
      { numRuns: 12 },
    )
  })

  it("leaves the same where it spills", async () => {
    const rows = Array.from({ length: 6000 }, (__, i): Event => {
      const n = (i * 7919) % 6007
      return { key: `key ${n % 2500}`.repeat(4), part: n % 2, amount: Decimal.parse(`${n}.5`), size: n / 3, at: `2026-01-0${1 + (n % 9)}` }
    })
    const small = { defaults: { batch_size: 500, buffer_memory: "300kb" } }
    const [whole, pieces] = [new Place(definition), new Place(definition)]
    await whole.run(rows)
    for (const piece of cuts(rows, [0.2, 0.5, 0.51])) await pieces.run(piece, small)
    expect(pieces.table()).toEqual(whole.table())
  })

  it("leaves the same where runs fail before and after their commit has taken effect", async () => {
    await fc.assert(
      fc.asyncProperty(
        events,
        shares,
        fc.array(fc.constantFrom("before", "after", "never"), { minLength: 6, maxLength: 6 }),
        async (rows, at, fails) => {
          const faulty = failingCommits()
          const [whole, pieces] = [new Place(definition), new Place(definition, faulty.plugin)]
          await whole.run(rows)
          for (const [i, piece] of cuts(rows, at).entries()) {
            faulty.next = fails[i]!
            await pieces.run(piece).catch((error: unknown) => expect(String(error)).toContain("the test said so"))
            faulty.next = "never"
          }
          await pieces.run(rows)
          expect(pieces.table()).toEqual(whole.table())
        },
      ),
      { numRuns: 12 },
    )
  })
})

/** SQLite whose next commit fails before it does anything, or when it has been made. */
const failingCommits = () => {
  const fault: { next: "before" | "after" | "never"; plugin: Destination } = {
    next: "never",
    plugin: {
      ...sqliteDestination,
      open: (request) =>
        Effect.map(sqliteDestination.open(request), (load) => ({
          ...load,
          commit: (checkpoint, final) => {
            const wrong = Effect.fail(new DestinationError({ code: "DESTINATION_FAILED", message: "the test said so", path: [] }))
            if (fault.next === "before") return wrong
            return Effect.andThen(load.commit(checkpoint, final), (result) => (fault.next === "after" ? wrong : Effect.succeed(result)))
          },
        })),
    },
  }
  return fault
}

const anEvent = (key: string, amount: string): Event => ({
  key,
  part: 0,
  amount: Decimal.parse(amount),
  size: 1,
  at: "2026-01-01T00:00:00Z",
})

const totals: Definition = {
  transforms: [{ type: "aggregate", group_by: ["key"], metrics: { total: "SUM(amount)" } }],
  destinations: [table("totals", ["key"])],
}

describe("what a step remembers", () => {
  it("brings each destination to the end, also one that was behind", async () => {
    const faulty = failingCommits()
    const both: Definition = { ...totals, destinations: [table("totals", ["key"]), table("others", ["key"], { type: "late" })] }
    const place = new Place(both)
    const rows = [anEvent("a", "1"), anEvent("b", "2"), anEvent("a", "4")]
    const plugins = [memorySource({ rows: rows.slice(0, 2) }), sqliteDestination, { ...faulty.plugin, type: "late" }]
    const definition: PipelineDefinition = { name: "two", sources: [{ type: "memory", incremental: true }], ...both }
    await using engine = createEngine({ plugins, projectRoot: place.folder, store: place.store })
    faulty.next = "before"
    await expect(engine.run(definition)).rejects.toThrow("the test said so")
    faulty.next = "never"
    await using next = createEngine({
      plugins: [memorySource({ rows }), ...plugins.slice(1)],
      projectRoot: place.folder,
      store: place.store,
    })
    await next.run(definition)
    const expected = ['{"key":"a","total":"5"}', '{"key":"b","total":"2"}']
    expect(place.table("totals")).toEqual(expected)
    expect(place.table("others")).toEqual(expected)
  })

  it("is kept where a full refresh fails, and is replaced where it succeeds", async () => {
    const faulty = failingCommits()
    const place = new Place(totals, faulty.plugin)
    const [one, two, three] = [anEvent("a", "1"), anEvent("a", "2"), anEvent("a", "4")]
    await place.run([one])
    faulty.next = "before"
    await expect(place.run([one, two], {}, { fullRefresh: true })).rejects.toThrow("the test said so")
    faulty.next = "never"
    await place.run([one, two])
    expect(place.table()).toEqual(['{"key":"a","total":"3"}'])
    await place.run([two, three], {}, { fullRefresh: true })
    await place.run([two, three, one])
    expect(place.table()).toEqual(['{"key":"a","total":"7"}'])
  })

  it("does not go with other steps, other types, or another store", async () => {
    const place = new Place(totals)
    await place.run([anEvent("a", "1")])
    const other = [{ type: "filter", condition: "part = 0" }, ...totals.transforms!]
    await expect(place.run([anEvent("a", "1"), anEvent("a", "2")], { transforms: other })).rejects.toMatchObject({
      code: "DEFINITION_CHANGED",
      message: expect.stringContaining("the step aggregate or those before it changed"),
    })
    const otherTypes = [{ type: "map", fields: { amount: "amount::integer" } }, ...totals.transforms!]
    await expect(place.run([anEvent("a", "1"), anEvent("a", "2")], { transforms: otherTypes })).rejects.toMatchObject({
      code: "DEFINITION_CHANGED",
    })
    const known = place.store
    place.store = memoryStore()
    await expect(place.run([anEvent("a", "1"), anEvent("a", "2")])).rejects.toMatchObject({ code: "STATE_LOST" })
    place.store = known
    await place.run([anEvent("a", "1"), anEvent("a", "2")])
    expect(place.table()).toEqual(['{"key":"a","total":"3"}'])
  })

  it("is not believed where the step came to a pipeline that has run without it, or was away for a while", async () => {
    const place = new Place(totals)
    const rows = [anEvent("a", "1"), anEvent("a", "2"), anEvent("a", "4")]
    const without = {
      transforms: [
        { type: "map", fields: { total: "amount" } },
        { type: "select", columns: ["key", "total"] },
      ],
    }
    await place.run(rows.slice(0, 1))
    await place.run(rows.slice(0, 2), without)
    await expect(place.run(rows)).rejects.toMatchObject({ code: "DEFINITION_CHANGED" })
    await place.run(rows, {}, { fullRefresh: true })
    expect(place.table()).toEqual(['{"key":"a","total":"7"}'])
  })

  it("has no cursor of its own to show, and refuses a cursor that is set by hand", async () => {
    const place = new Place(totals)
    await place.run([anEvent("a", "1")])
    await using engine = createEngine({
      plugins: [memorySource({ rows: [] }), sqliteDestination],
      projectRoot: place.folder,
      store: place.store,
    })
    const [state] = await engine.getState("remembering")
    expect(Object.keys(state!.cursors)).toEqual(["sources[0]"])
    const definition = { name: "remembering", sources: [{ type: "memory", incremental: true }], ...totals } satisfies PipelineDefinition
    await expect(engine.setState(definition, "sources[0]", '{"rows":0}')).rejects.toMatchObject({
      code: "CURSOR_INVALID",
      message: expect.stringContaining("the step aggregate keeps what it has seen up to the cursor that is stored"),
    })
    await engine.resetState("remembering")
    await place.run([anEvent("a", "8")])
    expect(place.table()).toEqual(['{"key":"a","total":"8"}'])
  })

  it("is told by explain", async () => {
    const plugins = [memorySource({ rows: [anEvent("a", "1")] }), sqliteDestination]
    await using engine = createEngine({ plugins, projectRoot: root })
    const told = await engine.explain({ name: "told", sources: [{ type: "memory", incremental: true }], ...totals })
    expect(told.passes).toEqual([{ steps: [0], how: "holds what is new, goes on from what earlier runs have seen" }])
  })

  it("follows the increment and not all that was ever seen", async () => {
    const place = new Place(totals)
    const many = Array.from({ length: 5000 }, (_, i) => anEvent(`k${i}`, "1"))
    await place.run(many)
    const asked: Array<number> = []
    const { store } = place
    place.store = {
      ...store,
      getStepStates: (at, keys) => {
        asked.push(keys.length)
        return store.getStepStates(at, keys)
      },
      saveStepStates: (at, version, states, lease) => {
        asked.push(states.length)
        return store.saveStepStates(at, version, states, lease)
      },
    }
    await place.run([...many, anEvent("k7", "1"), anEvent("k7", "1"), anEvent("new", "1")])
    // The head of the version, two keys looked up and kept, the next head.
    expect(asked).toEqual([1, 2, 2, 1])
  })
})

describe("a pipeline that could not keep the law is refused", () => {
  const refused = async (
    transforms: PipelineDefinition["transforms"],
    destination: Record<string, unknown>,
    sources?: PipelineDefinition["sources"],
  ) => {
    const rows = [anEvent("a", "1")]
    await using engine = createEngine({ plugins: [memorySource({ rows }), sqliteDestination], projectRoot: root })
    return await engine
      .run({
        name: "refused",
        sources: sources ?? [{ type: "memory", incremental: true }],
        transforms: transforms!,
        destinations: [{ type: "sqlite", path: "refused.db", table: "t", ...destination }],
      })
      .then(
        () => expect.unreachable("it was run"),
        (error: Error) => (error.cause === undefined ? error : error.cause),
      )
  }
  const sum = { type: "aggregate", group_by: ["key"], metrics: { total: "SUM(amount)" } }
  const byKey = { write_mode: "upsert", key: "key" }

  it.each([
    [
      "a filter behind",
      [sum, { type: "filter", condition: "total > 0" }],
      byKey,
      "behind `aggregate` the step `filter` could leave out a row",
    ],
    ["a second one", [{ type: "deduplicate", key: "key" }, sum], byKey, "behind `deduplicate` the step `aggregate`"],
    ["no key", [{ type: "aggregate", metrics: { n: "COUNT(*)" } }], byKey, "tells rows apart by nothing"],
    ["another key", [sum], { write_mode: "upsert", key: ["total"] }, "tells rows apart by key, and the destination by total"],
    ["append", [sum], { write_mode: "append" }, "must update them by key"],
    [
      "latest and append",
      [{ type: "deduplicate", key: "key", keep: "latest", by: "at" }],
      { write_mode: "append" },
      "must update them by key",
    ],
    ["a key that is computed anew", [sum, { type: "map", fields: { key: "upper(key)" } }], byKey, "must reach the destination as it is"],
    ["a key that is left out", [sum, { type: "select", columns: ["total"] }], byKey, "must reach the destination as it is"],
    ["a list", [{ ...sum, metrics: { all: "ARRAY_AGG(amount)" } }], byKey, "ARRAY_AGG needs all rows"],
    [
      "a median",
      [{ ...sum, metrics: { m: "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY size)" } }],
      byKey,
      "PERCENTILE_CONT needs all rows",
    ],
    ["a text in order", [{ ...sum, metrics: { t: "STRING_AGG(at, ',')" } }], byKey, "STRING_AGG needs all rows"],
  ])("%s", async (_, transforms, destination, message) => {
    expect(await refused(transforms, destination)).toMatchObject({
      message: expect.stringContaining(message),
      issues: [{ code: "UNSUPPORTED_FEATURE" }],
    })
  })

  it("a source that gives all rows again beside one that does not", async () => {
    const sources = [{ type: "memory", incremental: true }, { type: "memory" }]
    expect(await refused([sum], byKey, sources)).toMatchObject({ message: expect.stringContaining("all of sources[1] again, in each run") })
  })
})
