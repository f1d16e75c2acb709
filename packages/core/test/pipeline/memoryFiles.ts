/** Files that live in memory, by path. Folders are there where a file lies under them. */
import type { Files } from "../../src/contract/Files.ts"

const missing = (path: string) => Object.assign(new Error(`ENOENT: no such file: ${path}`), { code: "ENOENT" })

export const memoryFiles = (texts: Readonly<Record<string, string | Uint8Array>>): Files => {
  const bytesOf = (path: string) => {
    const text = texts[path]
    return typeof text === "string" ? new TextEncoder().encode(text) : text
  }
  const isFolder = (path: string) => Object.keys(texts).some((file) => file.startsWith(`${path}/`))
  const refuse = () => Promise.reject(new Error("these files are for reading"))
  return {
    stat: (path) => {
      const bytes = bytesOf(path)
      if (bytes !== undefined) return Promise.resolve({ size: bytes.length, modifiedMs: 0, kind: "file" })
      return Promise.resolve(isFolder(path) ? { size: 0, modifiedMs: 0, kind: "directory" } : undefined)
    },
    realPath: (path) => Promise.resolve(bytesOf(path) !== undefined || isFolder(path) ? path : undefined),
    list: (path) => {
      const names = Object.keys(texts)
        .filter((file) => file.startsWith(`${path}/`))
        .map((file) => file.slice(path.length + 1).split("/")[0]!)
      return Promise.resolve([...new Set(names)].toSorted())
    },
    openRead: (path) => {
      const bytes = bytesOf(path)
      if (bytes === undefined) return Promise.reject(missing(path))
      return Promise.resolve({
        read: (buffer, from) => {
          const part = bytes.subarray(from, from + buffer.length)
          buffer.set(part)
          return Promise.resolve(part.length)
        },
        close: () => Promise.resolve(),
      })
    },
    openWrite: refuse,
    makeDirectory: refuse,
    rename: refuse,
    remove: refuse,
    syncDirectory: refuse,
  }
}
