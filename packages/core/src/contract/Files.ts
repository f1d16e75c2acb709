/**
 * The file system as a service: the host, a test or the fault harness provides it. Connectors touch files through it alone.
 *
 * Paths are absolute. Failures reject with Node's own errors (`code: "ENOENT"`), so that a connector can tell them apart.
 * One handle takes one call at a time; `close` may be called twice, and a handle is closed even where `close` rejects.
 */
export interface FileStat {
  readonly size: number
  readonly modifiedMs: number
  readonly kind: "file" | "directory" | "other"
}

export interface ReadHandle {
  /** Reads into `buffer` from its start and gives how many bytes came: fewer than asked for is no end of the file, 0 is. */
  readonly read: (buffer: Uint8Array, position: number) => Promise<number>
  readonly close: () => Promise<void>
}

export interface WriteHandle {
  /** Writes all of the bytes at the end of what was written before. After a failure any part of them may be in the file. */
  readonly write: (bytes: Uint8Array) => Promise<void>
  /** Returns when the bytes are on the disk. */
  readonly sync: () => Promise<void>
  /** Cuts the file; the next write goes to its new end. */
  readonly truncate: (size: number) => Promise<void>
  readonly close: () => Promise<void>
}

export interface Files {
  /** Links are followed; undefined where nothing is there. */
  readonly stat: (path: string) => Promise<FileStat | undefined>
  /** The path with links resolved, or undefined where nothing is there. Rejects with ENOENT for a link that leads nowhere. */
  readonly realPath: (path: string) => Promise<string | undefined>
  /** Names in a folder, sorted by code point. */
  readonly list: (path: string) => Promise<ReadonlyArray<string>>
  /** With the folders above it. A folder that is there already is fine. */
  readonly makeDirectory: (path: string) => Promise<void>
  readonly openRead: (path: string) => Promise<ReadHandle>
  /** `create` makes a new file and fails where there is one; `append` opens or makes one and writes at its end. */
  readonly openWrite: (path: string, mode: "create" | "append") => Promise<WriteHandle>
  /** Replaces `to` in one step. */
  readonly rename: (from: string, to: string) => Promise<void>
  /** Removes a file, not a folder. Rejects with ENOENT where nothing is there. */
  readonly remove: (path: string) => Promise<void>
  /** Makes renames and removals in this folder durable. */
  readonly syncDirectory: (path: string) => Promise<void>
}
