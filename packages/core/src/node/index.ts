/** What needs Node itself: the file system. */
export { nodeFiles } from "./nodeFiles.ts"
