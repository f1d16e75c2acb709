import { spawnSync } from "node:child_process"
import { expect, it } from "vitest"

const bin = `${import.meta.dirname}/../bin/deltaflow.js`

/** Starts the command on a Node that says that it is another one. */
const startOn = (version: string) => {
  const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } })`
  return spawnSync(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(pretend)}`, bin, "--version"], {
    encoding: "utf8",
  })
}

it.each(["20.20.2", "22.17.1", "18.0.0"])("says on Node %s which Node it needs, and ends with code 2", (version) => {
  const { status, stdout, stderr } = startOn(version)
  expect(stderr).toBe(
    `deltaflow needs Node 22.18 or newer, this is ${version}. Install a newer Node from https://nodejs.org and run the command again.\n`,
  )
  expect(stdout).toBe("")
  expect(status).toBe(2)
})

it.each(["22.18.0", "24.0.0", "100.1.0"])("does not complain on Node %s", (version) => {
  expect(startOn(version).stderr).not.toContain("deltaflow needs Node")
})
