/** The command as a process of its own, from its sources. */
import { spawn } from "node:child_process"
import path from "node:path"
import { onTestFinished } from "vitest"

const main = path.resolve(import.meta.dirname, "../src/main.ts")

export const start = (cwd: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const child = spawn(process.execPath, ["--conditions=source", "--disable-warning=ExperimentalWarning", main, ...args], {
    cwd,
    env: { ...process.env, ...env },
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  const said = { stdout: "", stderr: "" }
  const waiting = new Set<() => void>()
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      said[name] += text
      for (const check of waiting) check()
    })
  }
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
  /** Resolves when the text has come so often, so that nothing depends on how quick the machine is; rejects when the process ends first. */
  const hears = (name: "stdout" | "stderr", text: string, times = 1): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (said[name].split(text).length <= times) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
      void ended.then((code) => reject(new Error(`ended with ${code} before it said ${text}: ${said.stdout}\n${said.stderr}`)))
    })
  return { child, said, ended, hears }
}

/** What the command says when nothing is done to it. */
export const say = async (cwd: string, args: ReadonlyArray<string>) => {
  const { child, said, ended } = start(cwd, args)
  child.stdin.end()
  return { code: await ended, ...said }
}
