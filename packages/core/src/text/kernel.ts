/**
 * Finds fields in CSV and values in JSON at the speed of memory.
 *
 * `textKernel()` is WebAssembly with SIMD where the host has it, plain JavaScript elsewhere, with the same results byte for byte.
 */
import { countByte, scanCsv, splitCsv } from "./kernelCsv.ts"
import { scanJsonArray, scanNdjson } from "./kernelJson.ts"
import type { TextKernel } from "./kernelTypes.ts"
import { makeWasmKernel } from "./kernelWasm.ts"
import { messageOf } from "../model/messageOf.ts"

export type {
  CsvOptions,
  CsvProblem,
  CsvScan,
  CsvSplit,
  JsonArrayOptions,
  JsonArrayScan,
  JsonKeys,
  JsonProblem,
  JsonReuse,
  JsonScan,
  NdjsonOptions,
  TextKernel,
} from "./kernelTypes.ts"

export const javascriptKernel: TextKernel = { name: "javascript", scanCsv, splitCsv, scanNdjson, scanJsonArray, count: countByte }

/** The kernel of this thread, and why it is not the quick one, where it is not. */
export interface KernelChoice {
  readonly kernel: TextKernel
  readonly reason: string | undefined
}

/** Takes what `make` makes, or plain JavaScript and what went wrong. */
export const chooseKernel = (make: () => TextKernel): KernelChoice => {
  try {
    return { kernel: make(), reason: undefined }
  } catch (cause) {
    // Hosts refuse in their own ways (policy, engine flags, age), and none of them is a fault: the other form does the same work.
    return { kernel: javascriptKernel, reason: messageOf(cause) }
  }
}

let choice: KernelChoice | undefined

export const kernelChoice = (): KernelChoice => (choice ??= chooseKernel(makeWasmKernel))

export const textKernel = (): TextKernel => kernelChoice().kernel

/** After the last LF, or -1. */
export const splitLines = (bytes: Uint8Array, from: number, to: number): number => {
  let at = to
  while (at > from && bytes[at - 1] !== 10) at--
  return at > from ? at : -1
}
