/** A server of a project as a process of its own, and keys for it. */
import { expect } from "vitest"
import { start } from "./child.ts"
import { deltaflow } from "./inProcess.ts"

export const serving = async (root: string, ...args: ReadonlyArray<string>) => {
  const server = start(root, [...args, "--port", "0", "--json"])
  await server.hears("stdout", "}\n")
  const { url } = JSON.parse(server.said.stdout) as { url: string }
  return { ...server, url }
}

export const newKey = async (root: string, scope = "admin") => {
  const { stdout, code } = await deltaflow(root, ["auth", "create-key", "--name", scope, "--scope", scope, "--json"])
  expect(code).toBe(0)
  return (JSON.parse(stdout) as { key: string }).key
}
