import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { nodeFiles } from "../../node/nodeFiles.ts"
import type { Piece } from "./entries.ts"
import { SpillFile } from "./spill.ts"
import { Sorter } from "./sorter.ts"

const pieceOf = (bytes: Uint8Array): Piece => ({ bytes, start: 0, end: bytes.length })

/** The keys as a sorter gives them, each with its number, and how often it wrote to disk. */
const sortedBy = async (keys: ReadonlyArray<Uint8Array>, memory: number, rowSize: number) => {
  const folder = mkdtempSync(path.join(tmpdir(), "sorter-"))
  let spill: Promise<SpillFile> | undefined
  const openSpill = () => (spill ??= SpillFile.open({ files: nodeFiles(), folder, place: "x", now: Date.now, timeout: 60_000 }))
  let spills = 0
  try {
    const sorter = new Sorter({ memory, openSpill })
    const row = new Uint8Array(4 + rowSize)
    for (const [i, key] of keys.entries()) {
      new DataView(row.buffer).setUint32(0, i)
      sorter.add(pieceOf(key), pieceOf(row))
      if (!sorter.isFull) continue
      await sorter.spill()
      spills++
    }
    const entries = await sorter.sorted()
    const found: Array<readonly [string, number]> = []
    while (await entries.next()) {
      const { key, row: piece } = entries.entry
      expect(piece.end - piece.start).toBe(row.length)
      const number = new DataView(piece.bytes.buffer, piece.bytes.byteOffset + piece.start).getUint32(0)
      found.push([Buffer.from(key.bytes.subarray(key.start, key.end)).toString("hex"), number])
    }
    return { found, spills }
  } finally {
    await (await spill)?.close()
    rmSync(folder, { recursive: true })
  }
}

const naive = (keys: ReadonlyArray<Uint8Array>) =>
  keys
    .map((key, i) => ({ key, i }))
    .toSorted((a, b) => Buffer.compare(a.key, b.key))
    .map(({ key, i }) => [Buffer.from(key).toString("hex"), i])

/** Keys of few different bytes, so that many are the same or begin others. */
const keysOf = (most: number): fc.Arbitrary<ReadonlyArray<Uint8Array>> =>
  fc
    .record({
      start: fc.uint8Array({ maxLength: 70 }),
      pool: fc.array(fc.array(fc.constantFrom(0, 1, 255), { maxLength: 20, size: "max" }), { minLength: 1, maxLength: 50, size: "max" }),
    })
    .chain(({ start, pool }) =>
      fc
        .array(fc.constantFrom(...pool), { maxLength: most, size: "max" })
        .map((keys) => keys.map((key) => Uint8Array.from([...start, ...key]))),
    )

test("entries come out by the bytes of their keys, and as they came where these are the same, with any memory", async () => {
  const rounds = { none: 0, few: 0, many: 0 }
  await fc.assert(
    fc.asyncProperty(keysOf(300), fc.constantFrom(1, 2000, 20_000, 1e6), fc.constantFrom(0, 50, 5000), async (keys, memory, rowSize) => {
      const { found, spills } = await sortedBy(keys, memory, rowSize)
      expect(found).toEqual(naive(keys))
      rounds[spills === 0 ? "none" : spills < 20 ? "few" : "many"]++
    }),
    { numRuns: 150 },
  )
  expect(Math.min(...Object.values(rounds))).toBeGreaterThan(10)
})

const COUNT = 20_000
const word = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt32BE(value, 4)
  return bytes
}

const inputs: Readonly<Record<string, (i: number) => Uint8Array>> = {
  mixed: (i) => word((i * 7919) % COUNT),
  sorted: (i) => word(i),
  reversed: (i) => word(COUNT - i),
  "all the same": () => word(7),
  "all the same and long": () => Buffer.alloc(400, "x"),
  "the same for long": (i) => Buffer.concat([Buffer.alloc(100, "x"), word((i * 7919) % 50)]),
}

test.each(Object.keys(inputs))("keys that are %s take about as long as mixed ones", async (name) => {
  const timeOf = async (input: string): Promise<number> => {
    const keys = Array.from({ length: COUNT }, (_, i) => inputs[input]!(i))
    const { user } = process.cpuUsage()
    const { found } = await sortedBy(keys, 1_000_000, 20)
    const used = process.cpuUsage({ user, system: 0 }).user
    expect(found.map(([, i]) => i)).toEqual(naive(keys).map(([, i]) => i))
    return used
  }
  const mixed = await timeOf("mixed")
  expect(await timeOf(name)).toBeLessThan(40 * mixed)
})
