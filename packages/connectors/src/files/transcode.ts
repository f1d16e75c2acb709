/** Text in another encoding than UTF-8, for writing. */
import type { Encoding } from "@deltaflow/core/text"
import { DestinationError } from "@deltaflow/core"

/** Undefined for UTF-8, which needs no work. */
export const transcoder = (encoding: Encoding | undefined, name: string): ((bytes: Uint8Array) => Uint8Array) | undefined => {
  switch (encoding) {
    case undefined:
    case "utf-8":
      return undefined
    case "utf-16le":
      return (bytes) => Buffer.from(textOf(bytes), "utf16le")
    case "utf-16be":
      return (bytes) => Buffer.from(textOf(bytes), "utf16le").swap16()
    case "latin1":
      return (bytes) => toLatin1(textOf(bytes), name)
  }
}

/** What a file in UTF-16 begins with, so that readers know the order of its bytes. */
export const startOf = (encoding: Encoding | undefined): string => (encoding?.startsWith("utf-16") === true ? "\ufeff" : "")

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")

const toLatin1 = (text: string, name: string): Uint8Array => {
  const foreign = /[^\u0000-\u00ff]/u.exec(text)
  if (foreign === null) return Buffer.from(text, "latin1")
  throw new DestinationError({
    code: "VALUE_NOT_SUPPORTED",
    message: `${name}: latin1 has no ${JSON.stringify(foreign[0])}. Write in utf-8, or replace it before.`,
    path: [name, "encoding"],
  })
}
