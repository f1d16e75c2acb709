/** What a thrown error says of itself: `retryable: true`, as our own errors do. */
export const isRetryable = (cause: unknown): boolean => {
  try {
    return typeof cause === "object" && cause !== null && "retryable" in cause && cause.retryable === true
  } catch {
    // What cannot be looked at says nothing of itself.
    return false
  }
}
