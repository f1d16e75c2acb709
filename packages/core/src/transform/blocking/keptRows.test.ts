import * as fc from "fast-check"
import { expect, it } from "vitest"
import { ByteWriter } from "./byteWriter.ts"
import { NOTHING, type Piece, Span } from "./entries.ts"
import type { BlockingHost } from "./host.ts"
import { CandidateReader, KeptRows } from "./keptRows.ts"
import { BLOCK_ROWS, KeyBlock } from "./keyBlock.ts"

const host: BlockingHost = {
  memory: 1 << 30,
  batchSize: 100,
  openSpill: () => Promise.reject(new Error("all of it fits into memory")),
}

interface Row {
  readonly key: string
  readonly by: number
  readonly size: number
}

const written = (text: string): ByteWriter => {
  const out = new ByteWriter()
  out.utf8(text)
  return out
}

/** A row says its number, which its size alone would not. */
const content = ({ size }: Row, sequence: number): ByteWriter => {
  const out = new ByteWriter()
  out.float64(sequence)
  for (let i = 0; i < size; i++) out.byte(i + sequence)
  return out
}

const byOf = ({ by }: Row): ByteWriter => {
  const out = new ByteWriter()
  out.bigint64(BigInt(by))
  return out
}

const put = (kept: KeptRows, key: Piece, by: Piece, row: Row, sequence: number): void => {
  const { bytes, length } = content(row, sequence)
  kept.begin(sequence, by).copy(bytes, 0, length)
  kept.take(key, sequence)
}

/** Takes the rows as `deduplicate` does: a block at a time, of which those are left out at once that have come too late. */
const take = (kept: KeptRows, rows: ReadonlyArray<Row>, hasBy: boolean): void => {
  const [keys, bys] = [new KeyBlock(), new KeyBlock()]
  const [key, by] = [new Span(), new Span()]
  for (let from = 0; from < rows.length; from += BLOCK_ROWS) {
    const block = rows.slice(from, from + BLOCK_ROWS)
    keys.clear()
    bys.clear()
    for (const row of block) {
      keys.out.utf8(row.key)
      keys.end()
      if (hasBy) bys.out.bigint64(BigInt(row.by))
      bys.end()
    }
    const may = kept.mayStay(keys, bys)
    for (const [i, row] of block.entries()) {
      if (may[i] === 0) continue
      keys.at(i, key)
      bys.at(i, by)
      if (kept.wantsNext(i, key, by)) put(kept, key, by, row, from + i)
    }
  }
}

const naive = (rows: ReadonlyArray<Row>, keep: "latest" | "earliest" | "first"): ReadonlyArray<number> => {
  const best = new Map<string, number>()
  for (const [i, { key, by }] of rows.entries()) {
    const known = best.get(key)
    const order = known === undefined ? 0 : by - rows[known]!.by
    if (known === undefined || (keep === "latest" && order >= 0) || (keep === "earliest" && order < 0)) best.set(key, i)
  }
  return [...best.values()].toSorted((a, b) => a - b)
}

const rowsOf = (keys: number, largest: number, maxLength: number): fc.Arbitrary<ReadonlyArray<Row>> =>
  fc.array(
    fc.record({
      // Some are known by their first bytes, others have all of these in common.
      key: fc.tuple(fc.constantFrom("", "a long beginning "), fc.nat({ max: keys })).map(([start, n]) => `${start}${n}`),
      by: fc.oneof(fc.nat({ max: 3 }), fc.maxSafeNat()),
      size: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: largest })),
    }),
    { minLength: maxLength / 2, maxLength, size: "max" },
  )

const check = (rows: ReadonlyArray<Row>, keep: "latest" | "earliest" | "first"): void => {
  const kept = new KeptRows(keep, host, 0)
  take(kept, rows, keep !== "first")
  const reader = new CandidateReader()
  const found = [...kept.finished()].map((group) => {
    kept.read(group, reader)
    const { row } = reader
    return { sequence: reader.sequence, row: Buffer.from(row.bytes.slice(row.start, row.end)).toString("latin1") }
  })
  const expected = naive(rows, keep).map((sequence) => {
    const { bytes, length } = content(rows[sequence]!, sequence)
    return { sequence, row: Buffer.from(bytes.slice(0, length)).toString("latin1") }
  })
  expect(found).toEqual(expected)
}

it("keeps one row of each key, whatever their sizes and however many keys there are", () => {
  const keep = fc.constantFrom("latest" as const, "earliest" as const, "first" as const)
  fc.assert(fc.property(rowsOf(400, 2000, 2000), keep, check), { numRuns: 30 })
})

it("uses the places of rows again that others took the place of, and moves rows together where too few are used", () => {
  fc.assert(fc.property(rowsOf(20, 60_000, 600), fc.constantFrom("latest" as const, "earliest" as const), check), { numRuns: 10 })
})

it("takes no more memory for a key than its largest row needs, however often it changes", () => {
  const kept = new KeptRows("latest", { ...host, memory: 640_000 }, 0)
  const keys = Array.from({ length: 1000 }, (_, i) => written(`key ${i}`))
  for (let round = 0; round < 100; round++) {
    for (const [i, key] of keys.entries()) {
      const row: Row = { key: "", by: round, size: (i * 7 + round * 13) % 100 }
      const by = byOf(row)
      if (!kept.wants(key, by)) throw new Error(`a later row of key ${i} was not wanted`)
      put(kept, key, by, row, round)
    }
  }
  // A new key would be refused, and put aside, if the table were full.
  expect(kept.wants(written("another"), NOTHING)).toBe(true)
  put(kept, written("another"), NOTHING, { key: "", by: 0, size: 0 }, 0)
  expect(kept.groups.count).toBe(1001)
})
