/**
 * `pnpm test:soak`: the suites at their largest size, one after the other. Takes hours; `pnpm test:soak simulation` runs those with that
 * name.
 */
import { spawnSync } from "node:child_process"

const first = process.env["DELTAFLOW_SEED"] ?? String(Math.floor(Math.random() * 2 ** 31))

const suites = [
  { file: "packages/testing/test/simulation.t1.test.ts", env: { DELTAFLOW_SEED: first, DELTAFLOW_SEEDS: "200000" } },
  { file: "packages/connectors/test/simulation.test.ts", project: "connectors", env: { DELTAFLOW_SEED: first, DELTAFLOW_SEEDS: "20000" } },
  { file: "packages/core/src/expression/postgres.t1.test.ts", env: { DELTAFLOW_PAIRS: "1000000" } },
  { file: "packages/connectors/test/processes.t1.test.ts", env: { DELTAFLOW_CYCLES: "42" } },
  { file: "packages/connectors/test/bounded-memory.t1.test.ts", env: { DELTAFLOW_GIGABYTES: "10" } },
]

const [wanted = ""] = process.argv.slice(2)
let failed = 0
for (const { file, project = "t1", env } of suites.filter((suite) => suite.file.includes(wanted))) {
  const sizes = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  console.log(`\n${sizes.join(" ")} ${file}`)
  const { status } = spawnSync("vitest", ["run", "--project", project, file, "--testTimeout=21600000"], {
    stdio: "inherit",
    env: { ...process.env, ...env },
  })
  if (status !== 0) failed++
}
process.exitCode = failed === 0 ? 0 : 1
