/** The table of commands. Help, completions and the parser all read it; a command's code is loaded only when it runs. */
import type { CommandSpec, OptionSpec } from "./Command.ts"

/** Options that every command has. */
export const sharedOptions: Readonly<Record<string, OptionSpec>> = {
  help: { type: "boolean", short: "h", summary: "Show what the command does, with an example." },
  json: { type: "boolean", summary: "Print JSON for machines." },
  verbose: { type: "boolean", summary: "Show the stack of an error." },
}

const project: Readonly<Record<string, OptionSpec>> = {
  project: { type: "string", value: "DIR", summary: "The project's folder. Default: where the command is started." },
  env: { type: "string", value: "NAME", summary: "The environment: chooses `.env.NAME`. Default: development." },
  var: { type: "string", value: "NAME=VALUE", multiple: true, summary: "A variable, before the environment. May be given several times." },
}

/** Of commands that make a run. */
const limits: Readonly<Record<string, OptionSpec>> = {
  workers: { type: "string", value: "N", summary: "Threads for large files. 1 keeps everything in one thread." },
  timeout: { type: "string", value: "SECONDS", summary: "The longest time for the whole run." },
}

/** Where something listens. */
const address: Readonly<Record<string, OptionSpec>> = {
  port: { type: "string", value: "N", summary: "Default: `api_port` of the project, then 8080; 0 for any that is free." },
  host: { type: "string", value: "ADDRESS", summary: "0.0.0.0 for all. Default: 127.0.0.1, this machine alone." },
}

/** Of commands that go on until they are stopped. */
const serving: Readonly<Record<string, OptionSpec>> = {
  "shutdown-timeout": {
    type: "string",
    value: "TIME",
    summary: "How long runs may still take when it is stopped: 90s, 5m. Default: DELTAFLOW_SHUTDOWN_TIMEOUT, then 30s.",
  },
  concurrency: { type: "string", value: "N", summary: "Runs at once; others wait. Default: any number." },
}

export const commands: ReadonlyArray<CommandSpec> = [
  {
    name: "init",
    operands: "[dir]",
    summary: "Make a project that runs as it is.",
    options: { template: { type: "string", value: "NAME", summary: "csv-to-json (default) or csv-to-sqlite." } },
    example: "deltaflow init my-pipelines && cd my-pipelines && deltaflow run",
    most: 1,
    load: () => import("./commands/init.ts"),
  },
  {
    name: "run",
    operands: "[file…]",
    summary: "Run one or all pipelines of the project.",
    options: {
      ...project,
      "dry-run": { type: "boolean", summary: "Check that everything opens and fits; read and write nothing." },
      "full-refresh": { type: "boolean", summary: "Ignore cursors and read everything; they are replaced when the run succeeds." },
      retry: { type: "boolean", summary: "Go on from the checkpoint of the last failed or interrupted run." },
      profile: { type: "boolean", summary: "Measure where the time goes, step by step in one thread: slower, and the same rows." },
      watch: { type: "boolean", summary: "Run again when the pipeline, its modules or its local input files change. Ctrl-C ends it." },
      ...limits,
      from: {
        type: "string",
        value: "SOURCE",
        summary: "Without a project: FILE, `csv:FILE` or `sqlite:FILE#TABLE`; stdin is `csv:-`, or `-` for lines of JSON.",
      },
      to: {
        type: "string",
        value: "DESTINATION",
        summary: "Without a project: where to write, in the same forms; stdout is `csv:-` or `-`.",
      },
      where: { type: "string", value: "CONDITION", summary: "With --from: keep only rows for which this SQL expression is true." },
      "allow-outside": { type: "boolean", summary: "Let connectors reach files outside of the project's folder." },
    },
    example: "deltaflow run --from users.csv --to adults.ndjson --where 'age >= 18'",
    most: Number.POSITIVE_INFINITY,
    load: () => import("./commands/run.ts"),
  },
  {
    name: "validate",
    operands: "[file…]",
    summary: "Check pipelines, and print which guarantee each destination gives.",
    options: project,
    example: "deltaflow validate",
    most: Number.POSITIVE_INFINITY,
    load: () => import("./commands/validate.ts"),
  },
  {
    name: "explain",
    operands: "FILE",
    summary: "Show the plan: what is read, what is pushed down, what is fused, the types after each step.",
    options: project,
    example: "deltaflow explain deltaflow.yml",
    most: 1,
    load: () => import("./commands/explain.ts"),
  },
  {
    name: "preview",
    operands: "FILE",
    summary: "Show rows after a step, or what they would change in a destination with a key. Nothing is written.",
    options: {
      ...project,
      limit: { type: "string", value: "N", summary: "Rows at most. Default: 20." },
      step: { type: "string", value: "N", summary: "After the first N steps. 0 shows the sources. Default: all." },
    },
    example: "deltaflow preview deltaflow.yml --step 1 --limit 5",
    most: 1,
    load: () => import("./commands/preview.ts"),
  },
  {
    name: "test",
    operands: "[path…]",
    summary: "Run pipeline tests on fixtures: those in `tests/`, or in the files and folders that are named.",
    options: {
      ...project,
      validate: { type: "boolean", summary: "Check test files and the pipelines that they test; run nothing." },
      snapshot: { type: "boolean", summary: "Compare the output of every test with its snapshot; one that is missing is written." },
      "update-snapshot": { type: "boolean", summary: "Store the output where it is another one, and remove snapshots of no test." },
    },
    example: "deltaflow test tests/orders.test.yml",
    most: Number.POSITIVE_INFINITY,
    load: () => import("./commands/test.ts"),
  },
  {
    name: "types",
    operands: "[file…]",
    summary: "Write TypeScript types of the rows of pipelines, from the schemas that their sources have now.",
    options: {
      ...project,
      out: { type: "string", value: "FILE", summary: "Where to write. Default: stdout." },
      check: { type: "boolean", summary: "Write nothing; fail with the difference where the file of --out is stale." },
      from: {
        type: "string",
        value: "SOURCE",
        summary: "Without a project: FILE, `csv:FILE` or `sqlite:FILE#TABLE`.",
      },
    },
    example: "deltaflow types --out src/rows.ts",
    most: Number.POSITIVE_INFINITY,
    load: () => import("./commands/types.ts"),
  },
  {
    name: "runs",
    operands: "[show ID]",
    summary: "List runs, or show one.",
    options: {
      ...project,
      last: { type: "string", value: "TIME", summary: "How far back: 90m, 24h, 7d. Default: everything." },
      pipeline: { type: "string", value: "NAME", summary: "Only runs of this pipeline." },
      limit: { type: "string", value: "N", summary: "Runs at most. Default: 50 in a table, 1000 elsewhere." },
      gantt: { type: "boolean", summary: "Draw the runs over time." },
      format: { type: "string", value: "FORM", summary: "table (default), json, csv, mermaid or svg." },
    },
    example: "deltaflow runs --last 24h --gantt --format svg > runs.svg",
    most: 2,
    load: () => import("./commands/runs.ts"),
  },
  {
    name: "logs",
    operands: "ID",
    summary: "Show the events of a run.",
    options: project,
    example: "deltaflow logs run_01",
    most: 1,
    least: 1,
    load: () => import("./commands/logs.ts"),
  },
  {
    name: "backfill",
    operands: "PIPELINE",
    summary: "Read a range of the cursor column again and update the rows, beside the live cursor.",
    options: {
      ...project,
      from: { type: "string", value: "VALUE", summary: "The least value of the cursor column." },
      to: { type: "string", value: "VALUE", summary: "The value before which the range ends." },
      ...limits,
    },
    example: "deltaflow backfill orders --from 2026-01-01 --to 2026-02-01",
    most: 1,
    least: 1,
    load: () => import("./commands/backfill.ts"),
  },
  {
    name: "state",
    operands: "show|reset|set PIPELINE",
    summary: "Show, forget or set the cursors of a pipeline.",
    options: {
      ...project,
      source: { type: "string", value: "NAME", summary: "set: the source whose cursor is set." },
      cursor: { type: "string", value: "JSON", summary: "set: the cursor, as `state show` prints it." },
    },
    example: "deltaflow state reset user-analytics",
    most: 2,
    least: 2,
    load: () => import("./commands/state.ts"),
  },
  {
    name: "api",
    operands: "start",
    summary: "Serve the Pipeline API over HTTP.",
    options: { ...project, ...address, ...serving },
    example: "deltaflow api start --port 8080",
    most: 1,
    least: 1,
    load: () => import("./commands/api.ts"),
  },
  {
    name: "serve",
    operands: "",
    summary: "Serve the API with its figures and its documentation, and run pipelines when they are due, in one process.",
    options: { ...project, ...address, ...serving },
    example: "deltaflow serve",
    most: 0,
    load: () => import("./commands/serve.ts"),
  },
  {
    name: "scheduler",
    operands: "start",
    summary: "Run pipelines when they are due: by their schedules, after those that they depend on, again where they failed.",
    options: { ...project, ...serving },
    example: "deltaflow scheduler start",
    most: 1,
    least: 1,
    load: () => import("./commands/scheduler.ts"),
  },
  {
    name: "schedule",
    operands: "next|backfill PIPELINE",
    summary: "Show the next times of a schedule, in UTC and in its own zone, or let runs wait for times that have gone by.",
    options: {
      ...project,
      from: { type: "string", value: "TIME", summary: "Where to begin. next: by default now." },
      to: { type: "string", value: "TIME", summary: "backfill: times before this one." },
      count: { type: "string", value: "N", summary: "next: how many times. Default: 10." },
    },
    example: "deltaflow schedule next orders --from 2026-03-28T00:00:00Z --count 5",
    most: 2,
    least: 2,
    load: () => import("./commands/schedule.ts"),
  },
  {
    name: "auth",
    operands: "create-key|list-keys|rotate-key|revoke-key [KEY]",
    summary: "Make, list, replace and revoke keys of the API.",
    options: {
      ...project,
      name: { type: "string", value: "NAME", summary: "create-key: whose key it is." },
      scope: {
        type: "string",
        value: "SCOPE",
        multiple: true,
        summary: "create-key: what it may do: pipelines:read, pipelines:run, pipelines:write or admin. May be given several times.",
      },
      expires: { type: "string", value: "TIME", summary: "create-key: when it ends: 90d, 12h or a date. Default: never." },
      grace: { type: "string", value: "HOURS", summary: "rotate-key: how long the old key still counts. Default: 24." },
    },
    example: "deltaflow auth create-key --name ci --scope pipelines:run",
    most: 2,
    least: 1,
    load: () => import("./commands/auth.ts"),
  },
  {
    name: "schema",
    operands: "",
    summary: "Print the JSON Schema of pipeline files, for editors.",
    options: { ...project, tests: { type: "boolean", summary: "That of test files instead." } },
    example: "deltaflow schema > deltaflow.schema.json",
    most: 0,
    load: () => import("./commands/schema.ts"),
  },
  {
    name: "completions",
    operands: "bash|zsh|fish",
    summary: "Print a completion script for a shell.",
    options: {},
    example: "deltaflow completions bash > /etc/bash_completion.d/deltaflow",
    most: 1,
    least: 1,
    load: () => import("./commands/completions.ts"),
  },
  {
    name: "doctor",
    operands: "",
    summary: "Look for what could keep pipelines from running.",
    options: project,
    example: "deltaflow doctor",
    most: 0,
    load: () => import("./commands/doctor.ts"),
  },
]
