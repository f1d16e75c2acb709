/** Runs programs and keeps what they print, so that a check that passes stays quiet. */
import { spawn } from "node:child_process"

/** @typedef {{ ok: boolean, output: string, stdout: string }} Outcome */

/**
 * @param {string} command
 * @param {ReadonlyArray<string>} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<Outcome>}
 */
export const run = (command, args, options = {}) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    let stdout = ""
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text
      output += text
    })
    child.stderr.setEncoding("utf8").on("data", (text) => {
      output += text
    })
    child.on("error", (cause) => resolve({ ok: false, stdout, output: `${output}${command}: ${cause.message}\n` }))
    child.on("close", (code, signal) =>
      resolve({ ok: code === 0, stdout, output: code === 0 ? output : `${output}${command} ended with ${signal ?? `code ${code}`}.\n` }),
    )
  })

/**
 * Runs one after another and stops at the first that fails, of which alone the output matters.
 * @param {ReadonlyArray<() => Promise<{ ok: boolean, output: string }>>} tasks
 */
export const inOrder = async (tasks) => {
  for (const task of tasks) {
    const outcome = await task()
    if (!outcome.ok) return outcome
  }
  return { ok: true, output: "" }
}
