import { describe, expect, it } from "vitest"
import * as z from "zod"
import { csv, json, plugins, sqlite } from "../../test/pipeline/plugins.ts"
import { defineSource } from "../contract/define.ts"
import { decodeDefinition } from "./decodeDefinition.ts"
import type { PipelineDefinition } from "./Definition.ts"
import { formatPath } from "./path.ts"
import { secret } from "./secret.ts"
import { hideSecrets, secretsOfConfig, secretsOfDefinition } from "./secretFields.ts"
import { Secrets } from "./Secrets.ts"

const github = defineSource({
  type: "github",
  config: z.object({ repo: z.string(), keys: z.array(z.object({ token: secret() })) }),
  read: () => [],
})

const definition: PipelineDefinition = {
  name: "users",
  sources: [
    { type: "csv", path: "a.csv" },
    { type: "github", repo: "a/b", keys: [{ token: "first-token" }, { token: "${TOKEN}" }] },
  ],
  destinations: [{ type: "sqlite", path: "x.db", token: "file-token" }],
  trigger: { type: "webhook", path: "p", secret: "hook-secret" },
  error_handling: { dead_letter: { type: "sqlite", path: "y.db", token: "letter-token" } },
  notifications: {
    on_failure: [
      { type: "slack", webhook: "https://hooks.example.com/abc" },
      { type: "pagerduty", routing_key: "page-key" },
    ],
  },
  monitoring: { channels: { email: { smtp: "smtps://me:mail-password@example.com", from: "a", to: "b" } } },
  events: { webhooks: [{ url: "https://example.com", secret: "event-secret" }] },
}

describe("fields that hold secrets", () => {
  it("are found in the sections of a definition", () => {
    expect(secretsOfDefinition(definition).map(formatPath)).toEqual([
      "trigger.secret",
      "events.webhooks[0].secret",
      "notifications.on_failure[0].webhook",
      "notifications.on_failure[1].routing_key",
      "monitoring.channels.email.smtp",
    ])
  })

  it("are found in configs of any library", () => {
    expect(secretsOfConfig(sqlite, { path: "x", token: "t" })).toEqual([["token"]])
    expect(secretsOfConfig(github, { repo: "a/b", keys: [{ token: "t" }] })).toEqual([["keys", 0, "token"]])
    expect(secretsOfConfig(csv, { path: "x" })).toEqual([])
    expect(secretsOfConfig({ ...json, jsonSchema: { properties: { path: { format: "password" } } } }, "not a mapping")).toEqual([])
  })

  it("are hidden where a definition is shown, variables excepted", () => {
    const shown = hideSecrets(definition, [...plugins, github])
    expect(shown.sources[1]).toEqual({ type: "github", repo: "a/b", keys: [{ token: "***" }, { token: "${TOKEN}" }] })
    expect(JSON.stringify(shown)).not.toMatch(
      /first-token|file-token|letter-token|hook-secret|hooks\.example|page-key|mail-password|event-secret/,
    )
    expect(shown.destinations[0]).toEqual({ type: "sqlite", path: "x.db", token: "***" })
    expect(definition.destinations[0]).toMatchObject({ token: "file-token" })
  })

  it("of an unknown type stay as they are: nobody knows them", () => {
    expect(hideSecrets(definition, []).sources[1]).toEqual(definition.sources[1])
  })

  it("are masked from the moment that the definition is decoded, also where it has a mistake", async () => {
    const secrets = new Secrets()
    await decodeDefinition(
      { ...definition, mode: "wrong" },
      { plugins: [...plugins, github], variables: [{ TOKEN: "second-token" }], secrets },
    )
    const text = "first-token second-token file-token letter-token hook-secret page-key mail-password event-secret"
    expect(secrets.mask(text)).toBe("*** *** *** *** *** *** *** ***")
  })
})
