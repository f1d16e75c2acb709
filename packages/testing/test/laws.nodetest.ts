/** The laws on a stranger's plugins, under Node's own test runner. Run by `Laws.test.ts`. */
import { test } from "node:test"
import { defineDestination, defineSource, defineTransform, type Row } from "@deltaflow/core"
import { destinationLaws, runLaws, sourceLaws, transformLaws } from "@deltaflow/testing"

const WORDS = ["a", "b", "c", "d", "e"].map((word) => ({ word }))

/** Words, with a cursor that says where they go on; the broken one leaves out a word there. */
const words = (type: string, skipped: number) =>
  defineSource<unknown, number>({
    type,
    read: async function* ({ cursor, batchSize }) {
      let next = cursor === undefined ? 0 : cursor + skipped
      while (next < WORDS.length) {
        const rows = WORDS.slice(next, next + batchSize)
        next += rows.length
        yield { rows, cursor: next }
      }
    },
  })

const shout = defineTransform({ type: "shout", row: (row) => ({ ...row, loud: true }) })

/** Keeps rows in arrays by name; the broken one keeps those of a run that failed, too. */
const shelf = (type: string, keepsAll: boolean) => {
  const shelves = new Map<string, ReadonlyArray<Row>>()
  const destination = defineDestination<{ name: string }>({
    type,
    writeModes: ["append"],
    open: ({ config: { name } }) => {
      let pending: ReadonlyArray<Row> = []
      const keep = () => {
        shelves.set(name, [...(shelves.get(name) ?? []), ...pending])
        pending = []
      }
      return { write: (rows) => void (pending = [...pending, ...rows]), commit: keep, close: () => (keepsAll ? keep() : undefined) }
    },
  })
  let count = 0
  const make = () => {
    const name = String(count++)
    return { config: { name }, readBack: () => shelves.get(name) ?? [] }
  }
  return { destination, make }
}

runLaws(sourceLaws({ source: words("sound", 0), config: {}, rows: WORDS, seed: 7 }), { test })
runLaws(sourceLaws({ source: words("broken", 1), config: {}, rows: WORDS, seed: 7 }), { test })
runLaws(transformLaws({ transform: shout }), { test })
runLaws(destinationLaws({ ...shelf("sound", false), seed: 7 }), { test })
runLaws(destinationLaws({ ...shelf("broken", true), seed: 7 }), { test })
