/**
 * The file system as a service: the host, a test or the fault harness provides it. Connectors touch files through it alone.
 *
 * Paths are absolute. Failures reject with Node's own errors (`code: "ENOENT"`), so that a connector can tell them apart.
 */
export interface FileStat {
  readonly size: number
  readonly modifiedMs: number
  readonly kind: "file" | "directory" | "other"
}

export interface ReadHandle {
  /** Reads into `buffer` from its start; 0 at the end of the file. */
  readonly read: (buffer: Uint8Array, position: number) => Promise<number>
  readonly close: () => Promise<void>
}

export interface WriteHandle {
  /** Writes all of the bytes at the end of what was written before. */
  readonly write: (bytes: Uint8Array) => Promise<void>
  /** Returns when the bytes are on the disk. */
  readonly sync: () => Promise<void>
  readonly truncate: (size: number) => Promise<void>
  readonly close: () => Promise<void>
}

export interface Files {
  readonly stat: (path: string) => Promise<FileStat | undefined>
  /** The path with links resolved, or undefined where nothing is there. */
  readonly realPath: (path: string) => Promise<string | undefined>
  /** Names in a folder, sorted by code point. */
  readonly list: (path: string) => Promise<ReadonlyArray<string>>
  readonly makeDirectory: (path: string) => Promise<void>
  readonly openRead: (path: string) => Promise<ReadHandle>
  /** `create` makes a new file and fails where there is one; `append` opens or makes one and writes at its end. */
  readonly openWrite: (path: string, mode: "create" | "append") => Promise<WriteHandle>
  readonly rename: (from: string, to: string) => Promise<void>
  readonly remove: (path: string) => Promise<void>
  /** Makes renames and removals in this folder durable. */
  readonly syncDirectory: (path: string) => Promise<void>
}
