/** What needs Node itself: the file system. */
export { nodeFiles } from "./nodeFiles.ts"
export { AddressRefused, checkHost, guardedLookup, type LookupAll } from "./guardedLookup.ts"
export { outsideOptions } from "./outsideOptions.ts"
export { isPublicAddress } from "./publicAddress.ts"
