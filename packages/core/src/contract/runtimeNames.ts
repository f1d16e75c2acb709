/** What `:name` may be in the query of a source or of a step. */
export const runtimeNames = [
  "last_run",
  "run_id",
  "pipeline_name",
  "environment",
  "payload",
  "scheduled_at",
  "interval_start",
  "interval_end",
] as const
