/** What surrounds a pipeline: when it starts, whom it tells, what it watches. These keys do not change rows or delivery. */
import * as Schema from "effect/Schema"
import { Count, Expression, Flag, listOf, Moment, Names, optional, Options, Port, Positive, required, SecretText, Text } from "./keys.ts"
import { Duration } from "./Units.ts"

/** Names of the events that webhooks and streams can ask for. */
export const eventTypes = [
  "pipeline.started",
  "pipeline.stage.extract",
  "pipeline.stage.transform",
  "pipeline.stage.load",
  "pipeline.completed",
  "pipeline.failed",
  "pipeline.cancelled",
  "pipeline.retrying",
  "connector.health.changed",
  "scheduler.triggered",
] as const

export const Dependency = Schema.Struct({
  name: required(Text, "Name of the pipeline that this one waits for."),
  status: optional(
    Schema.Literals(["success", "failed", "completed"]),
    "How it must have ended; `completed` is either. Default: `success`.",
  ),
})

const PipelineTrigger = Schema.Struct({
  type: required(Schema.Literal("pipeline"), "`pipeline`: starts after other pipelines."),
  depends_on: required(listOf(Dependency, "a list of { name, status }"), "The pipelines to wait for."),
})

const WebhookTrigger = Schema.Struct({
  type: required(Schema.Literal("webhook"), "`webhook`: starts when a request comes in."),
  path: required(Text, "Last part of the address: `/api/trigger/<path>`."),
  secret: optional(SecretText, "What the caller must know or sign with."),
})

export const triggers = [PipelineTrigger, WebhookTrigger] as const

export const Scheduler = Schema.Struct({
  concurrency: optional(
    Positive,
    "Runs of this pipeline at the same time; more than one only where no source has a cursor, which they would share. Default: 1.",
  ),
  queue_overflow: optional(
    Schema.Literals(["skip", "queue", "replace"]),
    "What happens to a run that is due while others run. Default: `skip`.",
  ),
  misfire: optional(
    Schema.Literals(["run_once", "skip", "run_all"]),
    "What becomes of times of the schedule that were missed by more than a minute: one run for all of them, none, or one for each, one after the other. Default: `run_once`.",
  ),
  misfire_limit: optional(Positive, "`run_all`: how many missed times get a run, the newest. Default: 100."),
  jitter: optional(Duration, "A run of the schedule starts later by some part of this, another one each time. Default: 0s."),
  start_date: optional(Moment, "The schedule has no times before this one. Default: none."),
  end_date: optional(Moment, "The schedule has no times after this one. Default: none."),
  timeout: optional(Duration, "How long a run that the scheduler starts may take. Default: as long as it needs."),
  retries: optional(Count, "How many runs are made anew where one fails that nobody started by hand. Default: 0."),
  retry_delay: optional(Duration, "How long the first new run waits. Default: 1m."),
  retry_backoff: optional(
    Schema.Literals(["constant", "linear", "exponential"]),
    "How the wait grows with each new run. Default: `exponential`.",
  ),
  priority: optional(
    Schema.Int.annotate({ expected: "a whole number" }),
    "Of runs that wait for room, those of the highest number come first. Default: 0.",
  ),
  tenant: optional(Text, "Whom the pipeline is for. Runs that wait with the same priority take turns by it."),
})

const onlyAfterFailure = optional(Flag, "Only where the run before failed. Default: false.")

const notification = <const Type extends string, const Fields extends Schema.Struct.Fields>(type: Type, fields: Fields) =>
  Schema.Struct({ type: required(Schema.Literal(type), `\`${type}\`: how to tell.`), ...fields, only_after_failure: onlyAfterFailure })

export const notifications = [
  notification("slack", {
    webhook: optional(SecretText, "Address of Slack's incoming webhook. Default: that of `monitoring.channels.slack`."),
    channel: optional(Text, "Channel, where the webhook allows a choice."),
  }),
  notification("email", { to: required(Names, "Address, or several.") }),
  notification("webhook", {
    url: required(Text, "Address that gets a POST with the event."),
    secret: optional(SecretText, "Signs the request, as Standard Webhooks says."),
  }),
  notification("pagerduty", {
    routing_key: optional(SecretText, "Key of the service. Default: that of `monitoring.channels.pagerduty`."),
    severity: optional(Schema.Literals(["critical", "error", "warning", "info"]), "How serious it is. Default: `error`."),
  }),
] as const

const Notification = Schema.Union(notifications).annotate({ expected: "a notification: a mapping with a type" })

export const Notifications = Schema.Struct({
  on_failure: optional(Schema.Array(Notification), "Whom to tell when a run failed."),
  on_success: optional(Schema.Array(Notification), "Whom to tell when a run succeeded."),
})

const Alert = Schema.Struct({
  name: required(Text, "Name of the alert."),
  condition: required(Expression, "SQL expression over the run's figures, such as `duration_seconds > 300`."),
  channels: required(listOf(Text, "a list of channel names"), "Names of channels under `channels`."),
})

const Channels = Schema.Struct({
  slack: optional(
    Schema.Struct({
      webhook: required(SecretText, "Address of Slack's incoming webhook."),
      channel: optional(Text, "Channel, where the webhook allows a choice."),
    }),
    "Slack.",
  ),
  email: optional(
    Schema.Struct({
      smtp: required(
        Schema.Union([SecretText, Options]).annotate({
          expected: "an address such as smtps://user:password@host, or a mapping with host and port",
        }),
        "The mail server: an address, or a mapping with host, port, user and password.",
      ),
      from: required(Text, "Sender's address."),
      to: required(Names, "Receiver's address, or several."),
    }),
    "E-mail.",
  ),
  pagerduty: optional(
    Schema.Struct({
      routing_key: required(SecretText, "Key of the service."),
      severity: optional(Schema.Literals(["critical", "error", "warning", "info"]), "How serious it is. Default: `error`."),
    }),
    "PagerDuty.",
  ),
})

export const Monitoring = Schema.Struct({
  metrics: optional(
    Schema.Struct({
      enabled: optional(Flag, "Whether metrics are served. Default: false."),
      port: optional(Port, "Port of `/metrics`. Default: 9090."),
    }),
    "Prometheus metrics.",
  ),
  alerts: optional(Schema.Array(Alert), "Conditions over each run that raise an alert."),
  channels: optional(Channels, "Where alerts go."),
})

export const Logging = Schema.Struct({
  level: optional(
    Schema.Literals(["debug", "info", "warn", "error", "silent"]),
    "The least important level that is shown. Default: `info`.",
  ),
  format: optional(Schema.Literals(["text", "json"]), "`text` for people, `json` for machines. Default: `text`."),
  output: optional(Text, "`stderr`, `stdout` or the path of a file. Default: `stderr`."),
})

const EventWebhook = Schema.Struct({
  url: required(Text, "Address that gets a POST for each event."),
  events: optional(listOf(Schema.Literals(eventTypes), "a list of event types"), "Types of events to send. Default: all."),
  secret: optional(SecretText, "Signs the requests, as Standard Webhooks says."),
  retry: optional(Flag, "Whether to try again when the receiver does not answer. Default: true."),
})

export const Events = Schema.Struct({ webhooks: optional(Schema.Array(EventWebhook), "Receivers of events.") })

const pluginPaths = Schema.Array(Schema.Struct({ path: required(Text, "Path of the module, relative to the project.") }))

export const Plugins = Schema.Struct({
  connectors: optional(pluginPaths, "Modules that export sources and destinations."),
  transforms: optional(pluginPaths, "Modules that export transforms."),
})

export const Auth = Schema.Struct({
  provider: required(
    Schema.Literals(["api_key", "oauth2"]),
    "`api_key`: keys of this server. `oauth2`: tokens of an OpenID Connect issuer.",
  ),
  issuer: optional(Text, "`oauth2`: address of the issuer."),
  audience: optional(Names, "`oauth2`: audience that tokens must name."),
  algorithms: optional(listOf(Text, "a list of algorithms"), "`oauth2`: signature algorithms that are accepted. Default: RS256 and ES256."),
  role_claim: optional(Text, "`oauth2`: claim that holds the roles. Default: `roles`."),
  role_mapping: optional(Schema.Record(Text, Schema.Literals(["viewer", "editor", "admin"])), "`oauth2`: value of the claim: role here."),
  clock_tolerance: optional(Duration, "`oauth2`: how far clocks may differ. Default: 30s."),
  rate_limit: optional(Count, "Requests per minute for each key; 0 for no limit."),
})
