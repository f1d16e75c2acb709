import type { StandardSchema } from "./Plugin.ts"

/** A config schema that takes anything; for plugins without options. */
export const anyConfig = <Config>(): StandardSchema<any, Config> => ({
  "~standard": { version: 1, vendor: "deltaflow", validate: (value) => ({ value: value as Config }) },
})
