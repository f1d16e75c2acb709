/** From the options of a connection to what `pg` takes. */
import { type Files, type PluginContext, resolveInside } from "@deltaflow/core"
import * as Redacted from "effect/Redacted"
import { type ConnectionConfig, type SslConfig, type SslMode, sslModes } from "./options.ts"

/** What it is about: an option, or what the host has lent. */
type ProblemKey = "connection" | "ssl" | "pool" | "tx"

/** Something in the options that cannot be used. The message holds no secret. */
export class ConnectionProblem extends Error {
  override readonly name = "ConnectionProblem"
  readonly key: ProblemKey
  constructor(key: ProblemKey, message: string, cause?: unknown) {
    super(message, { cause })
    this.key = key
  }
}

interface Parts {
  host?: string
  port?: number
  database?: string
  user?: string
  password?: string
  ssl?: SslConfig
  application_name?: string
  connect_timeout?: number
  options?: string
}

/** What `pg` takes, and the mode of its encryption. */
export interface Settings {
  readonly mode: SslMode
  /** Without `ssl`, which depends on the mode and on what the server can do. */
  readonly client: Readonly<Record<string, unknown>>
  /** Options of TLS where it is used. */
  readonly tls: Readonly<Record<string, unknown>>
}

/** Longest wait for a connection where nobody says another. */
export const CONNECT_MS = 10_000

/** Where files of certificates are. */
export type CertificateFolder = Pick<PluginContext, "projectRoot" | "files" | "allowOutside">

export const settingsOf = async (config: ConnectionConfig, folder: CertificateFolder): Promise<Settings> => {
  const { connection = {} } = config
  const parts = Redacted.isRedacted(connection) ? partsOfUrl(Redacted.value(connection)) : partsOfServer(connection)
  const { ssl: sslOfUrl, connect_timeout, application_name, ...rest } = parts
  const ssl = sslOf(config.ssl) ?? sslOfUrl ?? { mode: "prefer" }
  return {
    mode: parts.host?.startsWith("/") === true ? "disable" : ssl.mode,
    tls: await tlsOf(ssl, folder),
    client: {
      ...rest,
      application_name: config.application_name ?? application_name ?? "deltaflow",
      connectionTimeoutMillis: config.connect_timeout ?? (connect_timeout === undefined ? CONNECT_MS : connect_timeout * 1000),
      // A server that is gone without a word is noticed at last.
      keepAlive: true,
    },
  }
}

const sslOf = (ssl: ConnectionConfig["ssl"]): SslConfig | undefined => (typeof ssl === "string" ? { mode: ssl } : ssl)

const partsOfServer = (server: Exclude<NonNullable<ConnectionConfig["connection"]>, Redacted.Redacted>): Parts => {
  const { password, ...rest } = server
  return { ...rest, ...(password === undefined ? {} : { password: Redacted.value(password) }) }
}

const FORM = "It reads postgres://user:password@host:5432/database"

/** The parts of a URL as libpq reads it. */
const partsOfUrl = (text: string): Parts => {
  // The text may hold a password, so no message repeats it.
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol))
    throw new ConnectionProblem(
      "connection",
      `it is no URL of PostgreSQL. ${FORM}; signs such as @ and / in a password are written as %40 and %2F`,
    )
  const parts: Parts = {}
  const set = <K extends keyof Parts>(key: K, value: Parts[K] | undefined) => {
    if (value !== undefined && value !== "") parts[key] = value
  }
  set("host", decoded(url.hostname).replace(/^\[(.*)\]$/, "$1"))
  set("port", url.port === "" ? undefined : Number(url.port))
  set("user", decoded(url.username))
  set("password", decoded(url.password))
  set("database", decoded(url.pathname.slice(1)))
  for (const [key, value] of url.searchParams) parameter(parts, key, value)
  return parts
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new ConnectionProblem("connection", `a % in it starts no code of a sign. ${FORM}; a % itself is written as %25`)
  }
}

const PARAMETERS = "host port user password dbname sslmode sslrootcert sslcert sslkey application_name connect_timeout options".split(" ")

const parameter = (parts: Parts, key: string, value: string): void => {
  const ssl = parts.ssl ?? { mode: "prefer" }
  switch (key) {
    case "host":
    case "user":
    case "password":
    case "application_name":
    case "options":
      parts[key] = value
      return
    case "dbname":
      parts.database = value
      return
    case "port":
    case "connect_timeout":
      if (!/^\d{1,6}$/.test(value)) throw new ConnectionProblem("connection", `its ${key} is no whole number`)
      parts[key] = Number(value)
      return
    case "sslmode":
      parts.ssl = { ...ssl, mode: modeOf(value) }
      return
    case "sslrootcert":
      parts.ssl = { ...ssl, ca: value }
      return
    case "sslcert":
      parts.ssl = { ...ssl, cert: value }
      return
    case "sslkey":
      parts.ssl = { ...ssl, key: value }
      return
    default:
      throw new ConnectionProblem("connection", `its parameter ${key} is not known. Known are ${PARAMETERS.join(", ")}`)
  }
}

const modeOf = (text: string): SslMode => {
  const mode = sslModes.find((known) => known === text)
  if (mode === undefined) throw new ConnectionProblem("connection", `its sslmode is none of ${sslModes.join(", ")}`)
  return mode
}

/** Who is trusted: any server up to `require`, one with a certificate that is trusted, or one whose certificate also has its name. */
const tlsOf = async (ssl: SslConfig, folder: CertificateFolder): Promise<Settings["tls"]> => {
  const { mode, ca, cert, key } = ssl
  const files = { ca, cert, key }
  const contents: Record<string, string> = {}
  for (const [kind, path] of Object.entries(files)) if (path !== undefined) contents[kind] = await readCertificate(path, folder)
  // As libpq has it: with certificates to trust, `require` looks at them.
  const verifies = mode === "verify-full" || mode === "verify-ca" || (mode === "require" && ca !== undefined)
  return {
    ...contents,
    rejectUnauthorized: verifies,
    ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
  }
}

const LARGEST_CERTIFICATE = 1024 * 1024

const readCertificate = async (path: string, { projectRoot, files, allowOutside }: CertificateFolder): Promise<string> => {
  const absolute = await resolveInside(projectRoot, path, files, allowOutside)
  const found = await files.stat(absolute)
  if (found?.kind !== "file") throw new ConnectionProblem("ssl", `there is no file ${path}`)
  if (found.size > LARGEST_CERTIFICATE) throw new ConnectionProblem("ssl", `${path} is larger than a file of certificates can be`)
  return await readText(files, absolute, found.size)
}

const readText = async (files: Files, path: string, size: number): Promise<string> => {
  const handle = await files.openRead(path)
  try {
    const buffer = Buffer.alloc(size)
    let length = 0
    for (let got = 1; got > 0 && length < size; length += got) got = await handle.read(buffer.subarray(length), length)
    return buffer.toString("utf8", 0, length)
  } finally {
    await handle.close()
  }
}
