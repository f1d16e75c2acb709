import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

test("the embedded WebAssembly is what the sources compile to", () => {
  const script = fileURLToPath(new URL("../../kernel/build.mjs", import.meta.url))
  expect(() => execFileSync(process.execPath, [script, "--check"], { stdio: "pipe" })).not.toThrow()
})
