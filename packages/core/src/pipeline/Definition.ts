/**
 * The pipeline file as one schema. The parser, the TypeScript types, the editors' JSON Schema, the reference page and the messages all
 * come from it.
 *
 * `PipelineDefinition` is the definition as data, with everything as it was written: YAML, JSON and TypeScript give the same.
 * `PipelineSettings` is the same, decoded: durations in milliseconds, sizes in bytes.
 */
import * as Schema from "effect/Schema"
import { Destination, type DestinationDefinition, Source, type SourceDefinition } from "./ConnectorDefinition.ts"
import { ColumnTypeName, Count, Flag, listOf, optional, Positive, required, Text } from "./keys.ts"
import { Auth, Events, Logging, Monitoring, Notifications, Plugins, Scheduler, triggers } from "./ServiceDefinition.ts"
import { builtinSteps, type BuiltinStepDefinition, PluginStep, type PluginStepDefinition, type StepDefinition } from "./StepDefinition.ts"
import { textForms } from "../transform/textForms.ts"
import { Duration, Size } from "./Units.ts"

export type { BuiltinStepDefinition, DestinationDefinition, PluginStepDefinition, SourceDefinition, StepDefinition }

export const NAME_FORM = "a name of lower-case letters, digits, - and _, at most 64 long, beginning with a letter or digit"

export const PipelineName = Schema.String.check(Schema.isPattern(/^[a-z0-9][a-z0-9_-]{0,63}$/u, { expected: NAME_FORM })).annotate({
  expected: NAME_FORM,
})

export const Defaults = Schema.Struct({
  batch_size: optional(Positive, "Rows that travel together. Default: 5000."),
  workers: optional(Positive, "Threads that read and transform large inputs. Default: 4, never more than there are processors."),
  timeout: optional(Duration, "Longest time for one batch, one write or one commit. Default: 300 seconds."),
  retry_count: optional(Count, "Tries after the first, where `error_handling` says nothing. Default: 3."),
  retry_delay: optional(Duration, "Wait before the first of them. Default: 10 seconds."),
  buffer_memory: optional(Size, "Memory for all rows on their way. Default: 256mb."),
})

export const ErrorHandling = Schema.Struct({
  strategy: optional(
    Schema.Literals(["fail", "retry", "skip"]),
    "`fail` stops at the first error, `retry` tries again, `skip` puts bad rows aside. Default: `fail`.",
  ),
  max_retries: optional(Count, "Tries after the first. Default: `defaults.retry_count`."),
  retry_delay: optional(Duration, "Wait before the second try. Default: `defaults.retry_delay`."),
  backoff: optional(
    Schema.Literals(["constant", "linear", "exponential"]),
    "How the wait grows: 10s exponential waits 10, 20, 40. Default: `exponential`.",
  ),
  max_errors: optional(Count, "`skip`: rejected rows that a run may have; one more fails it. Default: no limit."),
  dead_letter: optional(
    Destination,
    "Destination of rejected rows, with the error, the step and the time; rows are added to it where it can append. Default with `skip`: " +
      "`.deltaflow/rejected/<pipeline>/<run>.ndjson`.",
  ),
})

/** What a column must be after the transforms. */
export const ColumnRule = Schema.Struct({
  type: optional(ColumnTypeName, "Type that the column must have."),
  required: optional(Flag, "Whether the column must be there and not null. Default: false."),
  format: optional(Schema.Literals(textForms), "Form that the text must have."),
  pattern: optional(Text, "Regular expression that some part of the text must match; `^` and `$` tie it to its ends."),
  min: optional(Schema.Finite, "Least value, or least length of text."),
  max: optional(Schema.Finite, "Greatest value, or greatest length of text."),
  enum: optional(listOf(Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]), "a list of values"), "The values that are allowed."),
  on_violation: optional(
    Schema.Literals(["fail", "reject"]),
    "What a row does that breaks the rule: `fail` ends the run, `reject` puts the row into the dead letter. Default: `fail`, or what " +
      "`error_handling` says.",
  ),
})

const Step = Schema.Union([...builtinSteps, PluginStep]).annotate({ expected: "a step: a mapping with a type" })

/** Keys that a project file hands on to the pipelines of its project. */
export const inheritedFields = {
  defaults: optional(Defaults, "Values for all steps that say nothing themselves."),
  notifications: optional(Notifications, "Whom to tell how a run ended."),
  monitoring: optional(Monitoring, "Metrics and alerts."),
  logging: optional(Logging, "What is logged, how and where."),
  plugins: optional(Plugins, "Modules with connectors and transforms of your own."),
}

export const pipelineFields = {
  name: required(PipelineName, "Name of the pipeline, unique within the project."),
  version: optional(Text, "Version of the definition, for people."),
  description: optional(Schema.String, "What the pipeline is for."),
  mode: optional(
    Schema.Literals(["batch", "streaming"]),
    "`batch` ends when the sources have no more, `streaming` goes on. Default: `batch`.",
  ),
  sources: required(listOf(Source, "a list of sources"), "Where rows come from. Rows of several sources are put one after the other."),
  transforms: optional(Schema.Array(Step).annotate({ expected: "a list of steps" }), "Steps that rows go through, in order."),
  schema: optional(Schema.Record(Text, ColumnRule), "Column name: what its values must be after the transforms."),
  destinations: required(listOf(Destination, "a list of destinations"), "Where rows go. Each destination gets all rows."),
  schedule: optional(Text, "When to run: a cron expression of 5 fields, or 6 with seconds first."),
  timezone: optional(Text, "IANA time zone of the schedule, such as `Europe/Berlin`. Default: `UTC`."),
  depends_on: optional(
    Schema.Union([Text, listOf(Text, "a list of pipeline names")]).annotate({ expected: "the name of a pipeline or a list of names" }),
    "Pipelines that must succeed before this one starts. Short for a `trigger` of type pipeline.",
  ),
  trigger: optional(
    Schema.Union(triggers).annotate({ expected: "a trigger: a mapping with type pipeline or webhook" }),
    "What starts the pipeline beside its schedule.",
  ),
  scheduler: optional(Scheduler, "How many runs go on at once, and what happens to more."),
  error_handling: optional(ErrorHandling, "What happens when something fails."),
  events: optional(Events, "Who gets the events of runs."),
  auth: optional(Auth, "Who may use the HTTP API."),
  ...inheritedFields,
}

export const Pipeline = Schema.Struct(pipelineFields).annotate({ expected: "a pipeline: a mapping with name, sources and destinations" })

/** The definition as data, everything as it was written. */
export type PipelineDefinition = typeof Pipeline.Encoded

/** The definition with durations in milliseconds and sizes in bytes. */
export type PipelineSettings = typeof Pipeline.Type
