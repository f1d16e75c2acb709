/** What the compiled kernel offers to src/text/kernelWasm.ts, its only caller. */
export * from "./csv"
export * from "./json"
export * from "./encode"
