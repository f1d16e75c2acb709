/** Checks of the machine and of Node. */
import { type Check, fail, ok, orOk, warn } from "./Check.ts"
import { existingFolder, megabytes } from "./places.ts"
import path from "node:path"

const NEEDED = [22, 18] as const

export const hostChecks: ReadonlyArray<Check> = [
  {
    name: "node version",
    look: ({ host }) => {
      const [major = 0, minor = 0] = host.nodeVersion.split(".").map(Number)
      const isNew = major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])
      return isNew
        ? ok(`Node ${host.nodeVersion}`)
        : [fail(`Node ${host.nodeVersion} is older than ${NEEDED.join(".")}`, "Install a newer Node from https://nodejs.org.")]
    },
  },
  {
    name: "text kernel",
    look: ({ host }) =>
      host.kernel === "javascript"
        ? [
            warn(
              "CSV and JSON are read without WebAssembly SIMD",
              "Everything works, at about half the speed. Start Node without flags that forbid WebAssembly.",
            ),
          ]
        : ok("WebAssembly with SIMD reads CSV and JSON"),
  },
  {
    name: "code generation",
    look: ({ host }) =>
      host.codeGeneration
        ? ok("steps run as generated code")
        : [
            warn(
              "`new Function` is not allowed here, so steps run as closures",
              "Start Node without --disallow-code-generation-from-strings.",
            ),
          ],
  },
  {
    name: "zstd",
    look: ({ host }) => (host.zstd ? ok("gzip and zstd are there") : [warn("this Node has no zstd", "Use gzip, or a Node from 22.15 on.")]),
  },
  {
    name: "sqlite",
    look: ({ host }) =>
      host.sqlite
        ? ok("node:sqlite loads")
        : [fail("node:sqlite cannot be loaded, and the store needs it", "Install an official build of Node, 22.18 or newer.")],
  },
  {
    name: "time zones",
    look: ({ host }) =>
      host.timeZones
        ? ok("time zones are known")
        : [
            warn(
              "this Node knows no time zones, so schedules can only be in UTC",
              "Install an official build of Node: it has full ICU data.",
            ),
          ],
  },
  {
    name: "open files",
    look: ({ host: { openFiles } }) =>
      openFiles !== undefined && openFiles < 1024
        ? [warn(`the process may open ${openFiles} files only`, "Raise the limit: ulimit -n 4096.")]
        : ok(openFiles === undefined ? "no limit of open files is known" : `${openFiles} files may be open`),
  },
  {
    name: "memory",
    look: ({ host, project }) => {
      const needed = bufferMemory(project)
      return needed > host.memory / 2
        ? [
            warn(
              `buffer_memory of ${megabytes(needed)} is more than half of the ${megabytes(host.memory)} that there are`,
              "Set defaults.buffer_memory lower.",
            ),
          ]
        : ok(`${megabytes(host.memory)} of memory, ${megabytes(needed)} for rows on their way`)
    },
  },
  {
    name: "disk room",
    look: async ({ disk, statePath, project }) => {
      const places = [...new Set([path.dirname(statePath), project.root].map(existingFolder))]
      const problems = []
      for (const place of places) {
        const { freeBytes } = await disk(place)
        const message = `${place}: ${megabytes(freeBytes)} are free`
        if (freeBytes < 100 * MB) problems.push(fail(message, "Make room: runs fail when the disk is full."))
        else if (freeBytes < 1024 * MB) problems.push(warn(message, "Make room before large runs."))
      }
      return orOk(problems, "there is room on the disk")
    },
  },
  {
    name: "file system of the state",
    look: async ({ disk, statePath }) => {
      const { kind } = await disk(existingFolder(path.dirname(statePath)))
      const name = NETWORK[kind >>> 0]
      return name === undefined
        ? ok("the state lies on a local disk")
        : [fail(`the state lies on ${name}, whose locks cannot be relied on`, "Set state_dir to a folder on a local disk.")]
    },
  },
]

const MB = 1024 * 1024

/** Numbers of statfs(2). */
const NETWORK: Readonly<Record<number, string>> = { 0x6969: "NFS", 0x517b: "SMB", 0xff534d42: "CIFS", 0xfe534d42: "SMB 2", 0x564c: "NCP" }

const bufferMemory = (project: Parameters<Check["look"]>[0]["project"]): number =>
  Math.max(256 * MB, ...project.pipelines.map(({ result }) => (result.ok ? result.pipeline.defaults.bufferMemory : 0)))
