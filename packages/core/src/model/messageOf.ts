import { quoteValue } from "./Value.ts"

/** The message of whatever was thrown. */
export const messageOf = (cause: unknown): string => {
  try {
    if (cause instanceof Error) return String(cause.message)
    if (typeof cause !== "object" || cause === null) return String(cause)
    return "message" in cause && typeof cause.message === "string" ? cause.message : quoteValue(cause)
  } catch {
    // A function may throw anything, also what cannot be looked at.
    return "something that cannot be shown"
  }
}
