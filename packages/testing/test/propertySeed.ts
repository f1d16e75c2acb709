/** `DELTAFLOW_PROPERTY_SEED` makes all properties try the same cases again: for CI, whose answer must not depend on chance. */
const seed = process.env["DELTAFLOW_PROPERTY_SEED"]
if (seed !== undefined) {
  const { default: fc } = await import("fast-check")
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })
}

export {}
