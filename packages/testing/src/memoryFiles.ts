/**
 * A file system in memory that forgets in a crash what a disk would forget: bytes that were not synced, and names whose folder was not.
 *
 * Deterministic, and strict where Node is strict: a missing folder, a file in the way, a closed handle are errors with Node's codes.
 */
import path from "node:path"
import type { Files, FileStat, ReadHandle, WriteHandle } from "@deltaflow/core"

export interface MemoryFiles extends Files {
  /** Handles that were opened and not closed, by path. */
  readonly openHandles: () => ReadonlyArray<string>
  /** Power off and on: open handles are gone, unsynced bytes too, and a folder's names are those of its last sync. */
  readonly crash: () => void
  /** The text of a file, undefined where there is none. For assertions. */
  readonly text: (path: string) => string | undefined
  /** Puts a file there, durable, with the folders above it. For the start of a test. */
  readonly put: (path: string, content: string | Uint8Array) => void
}

interface FileNode {
  readonly kind: "file"
  bytes: Uint8Array
  durable: Uint8Array
  modifiedMs: number
}

interface FolderNode {
  readonly kind: "directory"
  names: Map<string, Node>
  durable: Map<string, Node>
}

type Node = FileNode | FolderNode

export const memoryFiles = (): MemoryFiles => new MemoryDisk()

const folderNode = (): FolderNode => ({ kind: "directory", names: new Map(), durable: new Map() })

/** An error as Node's own are. */
export const fileError = (code: string, call: string, file: string): Error =>
  Object.assign(new Error(`${code}: ${call} '${file}'`), { code, syscall: call, path: file })

class MemoryDisk implements MemoryFiles {
  private readonly root = folderNode()
  private readonly handles = new Map<object, string>()
  private time = 0
  /** Handles of before a crash know by it that they are dead. */
  private life = 0

  openHandles = (): ReadonlyArray<string> => [...this.handles.values()]

  crash = (): void => {
    this.life++
    this.handles.clear()
    forget(this.root)
  }

  text = (file: string): string | undefined => {
    const node = this.find(file)
    return node?.kind === "file" ? new TextDecoder().decode(node.bytes) : undefined
  }

  put = (file: string, content: string | Uint8Array): void => {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
    const folder = this.makeFolder(path.posix.dirname(file))
    const node: FileNode = { kind: "file", bytes, durable: bytes, modifiedMs: ++this.time }
    folder.names.set(path.posix.basename(file), node)
    folder.durable.set(path.posix.basename(file), node)
  }

  stat = async (file: string): Promise<FileStat | undefined> => {
    const node = this.find(file)
    if (node === undefined) return undefined
    return node.kind === "file"
      ? { size: node.bytes.length, modifiedMs: node.modifiedMs, kind: "file" }
      : { size: 0, modifiedMs: 0, kind: "directory" }
  }

  realPath = async (file: string): Promise<string | undefined> => (this.find(file) === undefined ? undefined : path.posix.resolve(file))

  list = async (folder: string): Promise<ReadonlyArray<string>> =>
    [...this.folder(folder, "scandir").names.keys()].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

  makeDirectory = async (folder: string): Promise<void> => void this.makeFolder(folder)

  openRead = async (file: string): Promise<ReadHandle> => {
    const node = this.file(file, "open")
    const use = this.handle(file)
    return {
      read: async (buffer, position) => {
        use.check("read")
        const part = node.bytes.subarray(position, position + buffer.length)
        buffer.set(part)
        return part.length
      },
      close: async () => use.close(),
    }
  }

  openWrite = async (file: string, mode: "create" | "append"): Promise<WriteHandle> => {
    const folder = this.folder(path.posix.dirname(file), "open")
    const name = path.posix.basename(file)
    const found = folder.names.get(name)
    if (found !== undefined && mode === "create") throw fileError("EEXIST", "open", file)
    if (found?.kind === "directory") throw fileError("EISDIR", "open", file)
    const node: FileNode = found ?? { kind: "file", bytes: new Uint8Array(), durable: new Uint8Array(), modifiedMs: ++this.time }
    folder.names.set(name, node)
    return this.writeHandle(file, node)
  }

  rename = async (from: string, to: string): Promise<void> => {
    const source = this.folder(path.posix.dirname(from), "rename")
    const target = this.folder(path.posix.dirname(to), "rename")
    const node = source.names.get(path.posix.basename(from))
    if (node === undefined) throw this.missing(from, "rename")
    if (target.names.get(path.posix.basename(to))?.kind === "directory") throw fileError("EISDIR", "rename", to)
    source.names.delete(path.posix.basename(from))
    target.names.set(path.posix.basename(to), node)
  }

  remove = async (file: string): Promise<void> => {
    this.file(file, "unlink")
    this.folder(path.posix.dirname(file), "unlink").names.delete(path.posix.basename(file))
  }

  syncDirectory = async (folder: string): Promise<void> => {
    const node = this.folder(folder, "fsync")
    node.durable = new Map(node.names)
  }

  private writeHandle(file: string, node: FileNode): WriteHandle {
    const use = this.handle(file)
    const change = (bytes: Uint8Array): void => {
      node.bytes = bytes
      node.modifiedMs = ++this.time
    }
    return {
      write: async (bytes) => {
        use.check("write")
        const joined = new Uint8Array(node.bytes.length + bytes.length)
        joined.set(node.bytes)
        joined.set(bytes, node.bytes.length)
        change(joined)
      },
      sync: async () => {
        use.check("fsync")
        node.durable = node.bytes
      },
      truncate: async (size) => {
        use.check("ftruncate")
        const cut = new Uint8Array(size)
        cut.set(node.bytes.subarray(0, size))
        change(cut)
      },
      close: async () => use.close(),
    }
  }

  private handle(file: string): { readonly check: (call: string) => void; readonly close: () => void } {
    const key = {}
    const { life } = this
    this.handles.set(key, file)
    return {
      check: (call) => {
        if (life !== this.life || !this.handles.has(key)) throw fileError("EBADF", call, file)
      },
      close: () => void this.handles.delete(key),
    }
  }

  private makeFolder(folder: string): FolderNode {
    let node = this.root
    for (const name of parts(folder)) {
      const next = node.names.get(name) ?? folderNode()
      if (next.kind === "file") throw fileError("ENOTDIR", "mkdir", folder)
      // Folders stay after a crash: what is tested is the files in them.
      node.names.set(name, next)
      node.durable.set(name, next)
      node = next
    }
    return node
  }

  private find(file: string): Node | undefined {
    let node: Node | undefined = this.root
    for (const name of parts(file)) node = node?.kind === "directory" ? node.names.get(name) : undefined
    return node
  }

  private file(file: string, call: string): FileNode {
    const node = this.find(file)
    if (node === undefined) throw this.missing(file, call)
    if (node.kind === "directory") throw fileError("EISDIR", call, file)
    return node
  }

  private missing(file: string, call: string): Error {
    const above = path.posix.dirname(file)
    if (above === file) return fileError("ENOENT", call, file)
    const node = this.find(above)
    if (node === undefined) return this.missing(above, call)
    return fileError(node.kind === "file" ? "ENOTDIR" : "ENOENT", call, file)
  }

  private folder(folder: string, call: string): FolderNode {
    const node = this.find(folder)
    if (node === undefined) throw this.missing(folder, call)
    if (node.kind === "file") throw fileError("ENOTDIR", call, folder)
    return node
  }
}

const parts = (file: string): ReadonlyArray<string> =>
  path.posix
    .resolve("/", file)
    .split("/")
    .filter((name) => name !== "")

/** Sync changes a file's bytes by replacing the array, so what is durable never changes under it. */
const forget = (folder: FolderNode): void => {
  folder.names = new Map(folder.durable)
  for (const node of folder.names.values()) {
    if (node.kind === "directory") forget(node)
    else node.bytes = node.durable
  }
}
