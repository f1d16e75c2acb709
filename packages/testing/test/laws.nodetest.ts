/** The laws on a stranger's plugins, under Node's own test runner. Run by `Laws.test.ts`. */
import { test } from "node:test"
import { defineSource, defineTransform } from "@deltaflow/core"
import { runLaws, sourceLaws, transformLaws } from "@deltaflow/testing"

const WORDS = ["a", "b", "c", "d", "e"].map((word) => ({ word }))
const skipped = process.env["LAWS_BUG"] === "skip" ? 1 : 0

const words = defineSource<unknown, number>({
  type: "words",
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

runLaws(sourceLaws({ source: words, config: {}, rows: WORDS, seed: 7 }), { test })
runLaws(transformLaws({ transform: shout }), { test })
