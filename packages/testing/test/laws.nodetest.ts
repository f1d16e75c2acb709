/** The laws on a stranger's plugins, under Node's own test runner. Run by `Laws.test.ts`. */
import { test } from "node:test"
import { defineSource, defineTransform } from "@deltaflow/core"
import { runLaws, sourceLaws, transformLaws } from "@deltaflow/testing"

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

runLaws(sourceLaws({ source: words("sound", 0), config: {}, rows: WORDS, seed: 7 }), { test })
runLaws(sourceLaws({ source: words("broken", 1), config: {}, rows: WORDS, seed: 7 }), { test })
runLaws(transformLaws({ transform: shout }), { test })
