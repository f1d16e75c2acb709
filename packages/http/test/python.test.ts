/** The Python client, by the system's python3, against the handler over a socket. */
import { spawn, spawnSync } from "node:child_process"
import path from "node:path"
import { expect, it } from "vitest"
import { listen } from "../src/node.ts"
import { definition, startServer } from "./server.ts"

const version = spawnSync("python3", ["-c", "import sys; print(sys.version_info >= (3, 9))"]).stdout?.toString().trim()

const missing = version === "True" ? undefined : "no python3 of 3.9 or newer on the PATH"

it.runIf(missing !== undefined)(`the Python client is tried (not run: ${missing ?? ""})`, (test) => {
  expect(version).not.toBe("True")
  test.skip()
})

it.skipIf(missing !== undefined)("the Python client does what its page says", { timeout: 120_000 }, async () => {
  await using server = await startServer()
  await server.send("POST", "/api/v1/pipelines", definition("user-analytics"))
  const listening = await listen(server.handler, { port: 0 })
  try {
    const child = spawn("python3", ["-W", "error", "-m", "unittest", "discover", "-s", "tests"], {
      cwd: path.resolve(import.meta.dirname, "../../client-python"),
      env: {
        ...process.env,
        DELTAFLOW_URL: listening.url,
        DELTAFLOW_API_KEY: await server.keyFor("admin"),
        PYTHONDONTWRITEBYTECODE: "1",
        PYTHONPATH: path.resolve(import.meta.dirname, "../../client-python"),
      },
    })
    let said = ""
    child.stdout.on("data", (text) => (said += String(text)))
    child.stderr.on("data", (text) => (said += String(text)))
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve))
    expect([code, said]).toEqual([0, expect.stringMatching(/Ran 7 tests[\s\S]*OK/)])
  } finally {
    await listening.close(100)
  }
})
