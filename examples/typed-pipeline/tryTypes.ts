/**
 * Runs the pipeline and looks at the bills. That the mistakes of `orders.ts` are mistakes says the compiler, which checks this folder too.
 */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"

rmSync("output", { recursive: true, force: true })
assert.equal(execFileSync(process.execPath, ["main.ts"], { encoding: "utf8" }), "3 orders, 2 bills\n")
const rows = new DatabaseSync("output/bills.db").prepare("SELECT id, greeting, day FROM bills ORDER BY id").all()
assert.deepEqual(
  rows.map((row) => [row["id"], row["greeting"], row["day"]]),
  [
    [1, "Dear Ada", "2026-01-30"],
    [2, "Dear Linus", "2026-01-31"],
  ],
)
console.log("✓ bills with the columns that the compiler has followed")
