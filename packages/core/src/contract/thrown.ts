/** What is known of whatever was thrown. */

/** The message of whatever was thrown. */
export const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** What a thrown error says of itself: `retryable: true`, as our own errors do. */
export const isRetryable = (cause: unknown): boolean =>
  typeof cause === "object" && cause !== null && "retryable" in cause && cause.retryable === true
