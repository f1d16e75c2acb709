/** `Files` on the real file system of Node. */
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rename, rm, stat } from "node:fs/promises"
import type { FileStat, Files, ReadHandle, WriteHandle } from "../contract/Files.ts"

export const nodeFiles = (): Files => ({
  stat: statFile,
  realPath,
  list: async (path) => (await readdir(path)).toSorted(byCodePoint),
  makeDirectory: async (path) => void (await mkdir(path, { recursive: true })),
  openRead: async (path) => readHandle(await open(path, "r")),
  openWrite: async (path, mode) => writeHandle(await open(path, mode === "create" ? "ax" : "a")),
  rename,
  // `rm` without options refuses a folder and says ENOENT, where `unlink` gives EPERM for a folder on some systems.
  remove: async (path) => await rm(path),
  syncDirectory,
})

const statFile = async (path: string): Promise<FileStat | undefined> => {
  try {
    const found = await stat(path)
    return { size: found.size, modifiedMs: found.mtimeMs, kind: found.isFile() ? "file" : found.isDirectory() ? "directory" : "other" }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

const realPath = async (path: string): Promise<string | undefined> => {
  try {
    return await realpath(path)
  } catch (error) {
    if (!isMissing(error)) throw error
    // What is there by now is a link that leads nowhere, or was made a moment ago by somebody else.
    return (await isEntry(path)) ? await realpath(path) : undefined
  }
}

/** Whether something has this name, be it only a link that leads nowhere. */
const isEntry = async (path: string): Promise<boolean> => {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

// ENOTDIR: a file stands where the path has a folder, so nothing can be below it.
const isMissing = (error: unknown): boolean => {
  const code = (error as NodeJS.ErrnoException).code
  return code === "ENOENT" || code === "ENOTDIR"
}

const readHandle = (handle: FileHandle): ReadHandle => ({
  read: async (buffer, position) => (await handle.read(buffer, 0, buffer.length, position)).bytesRead,
  close: () => handle.close(),
})

const writeHandle = (handle: FileHandle): WriteHandle => ({
  write: (bytes) => writeAll(handle, bytes),
  // fdatasync also writes the size, which is all of the metadata that reading back needs.
  sync: () => handle.datasync(),
  truncate: (size) => handle.truncate(size),
  close: () => handle.close(),
})

/** The system may take fewer bytes than it is given: near a full disk, or beyond 2 GiB at once. */
const writeAll = async (handle: FileHandle, bytes: Uint8Array): Promise<void> => {
  let written = 0
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, null)
    if (bytesWritten === 0)
      throw Object.assign(new Error("EIO: the system took none of the bytes, write"), { code: "EIO", syscall: "write" })
    written += bytesWritten
  }
}

const syncDirectory = async (path: string): Promise<void> => {
  // Windows cannot open a folder as a file, and writes renames to its journal by itself.
  if (process.platform === "win32") return
  const handle = await open(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** UTF-16 order, JavaScript's own, puts characters past U+FFFF before some below it; code points sort like UTF-8 bytes. */
const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
