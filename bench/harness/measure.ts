/**
 * Runs one contender in a process of its own and measures it.
 *
 * Wall time is from start to end of the process as the harness sees it. CPU time and peak memory come from the operating
 * system: a Node contender reads its own at exit, any other command runs under `/usr/bin/time` where that is installed.
 */
import { spawn, type StdioOptions } from "node:child_process"
import { closeSync, existsSync, openSync } from "node:fs"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"

export interface Command {
  readonly file: string
  readonly args: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Where standard output goes; dropped without it. */
  readonly stdout?: string
  /** Whether the process reports its own figures. */
  readonly reports: boolean
}

export interface Usage {
  readonly wallSeconds: number
  /** Not a number where the system does not tell. */
  readonly cpuSeconds: number
  readonly peakMegabytes: number
  /** What was written to disk beside the output, where the contender tells. */
  readonly spilledMegabytes?: number | undefined
}

const root = fileURLToPath(new URL("../..", import.meta.url))
const reportFile = 3
const timeCommand = "/usr/bin/time"
const canTime = existsSync(timeCommand)

export async function measure(command: Command): Promise<Usage> {
  const { file, args } = timed(command)
  const stdout = command.stdout === undefined ? "ignore" : openSync(command.stdout, "w")
  const stdio: StdioOptions = ["ignore", stdout, "pipe", "pipe"]
  const env = { ...process.env, ...command.env, BENCH_USAGE_FD: String(reportFile) }
  const start = process.hrtime.bigint()
  const child = spawn(file, args, { stdio, env, cwd: command.cwd })
  const errors = text(child.stderr!)
  const report = text(child.stdio[reportFile] as Readable)
  const code = await new Promise<number | string>((resolve, reject) => {
    child.on("error", reject)
    child.on("exit", (exit, signal) => resolve(exit ?? signal ?? "unknown"))
  })
  const wallSeconds = Number(process.hrtime.bigint() - start) / 1e9
  if (typeof stdout === "number") closeSync(stdout)
  if (code !== 0) throw new Error(`ended with ${code}: ${cause(await errors)}`)
  return { wallSeconds, ...figures(command.reports ? await report : lastLine(await errors)) }
}

/** The line that says what went wrong, without the stack and without this machine's folders. */
function cause(errors: string): string {
  const lines = errors.split("\n").filter((line) => line.trim() !== "")
  const line = lines.find((one) => /Error\b.*:/.test(one)) ?? lines.at(-1) ?? "it said nothing"
  return line.replaceAll(root, "").trim()
}

function timed(command: Command): Pick<Command, "file" | "args"> {
  if (command.reports || !canTime) return command
  const format = '{"user":%U,"system":%S,"kilobytes":%M}'
  return { file: timeCommand, args: ["-f", format, command.file, ...command.args] }
}

/** Where `/usr/bin/time` puts its figures. */
const lastLine = (errors: string): string => (canTime ? errors.trimEnd().split("\n").at(-1)! : "")

function figures(report: string): Omit<Usage, "wallSeconds"> {
  if (report === "") return { cpuSeconds: Number.NaN, peakMegabytes: Number.NaN }
  const found = JSON.parse(report) as Record<string, number>
  return found.user === undefined
    ? { cpuSeconds: found.cpuSeconds!, peakMegabytes: found.peakMegabytes!, spilledMegabytes: found.spilledMegabytes }
    : { cpuSeconds: found.user + found.system!, peakMegabytes: found.kilobytes! / 1024 }
}

async function text(stream: Readable): Promise<string> {
  let all = ""
  for await (const chunk of stream.setEncoding("utf8")) all += chunk as string
  return all
}
