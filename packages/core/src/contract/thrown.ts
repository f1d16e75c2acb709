/** What is known of whatever was thrown. */
import { quoteValue } from "../model/Value.ts"

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

/** What a thrown error says of itself: `retryable: true`, as our own errors do. */
export const isRetryable = (cause: unknown): boolean => {
  try {
    return typeof cause === "object" && cause !== null && "retryable" in cause && cause.retryable === true
  } catch {
    // As above: what cannot be looked at says nothing of itself.
    return false
  }
}
