/** Files with one JSON object per line. */
export { ndjsonDestination, NdjsonDestinationConfig } from "./destination.ts"
export { makeNdjsonSource, ndjsonSource, NdjsonSourceConfig } from "./source.ts"
