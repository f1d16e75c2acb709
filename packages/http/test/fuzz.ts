/** Requests that somebody could send, made from the OpenAPI document: known and unknown parts, of right and wrong forms. */
import fc from "fast-check"
import { openApiDocument } from "../src/index.ts"
import { definition, type TestServer } from "./server.ts"

interface Operation {
  readonly path: string
  readonly method: string
  readonly parameters: ReadonlyArray<string>
}

export interface FuzzedRequest {
  readonly method: string
  readonly address: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

const nasty = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    "",
    "orders",
    "none",
    "..",
    "%",
    "%00",
    "\0",
    "__proto__",
    "constructor",
    "-1",
    "0",
    "1e309",
    "9007199254740993",
    "true",
    "null",
    "[]",
    "{}",
  ),
  fc.constantFrom(
    "2026-01-01T00:00:00Z",
    "2026-13-45",
    "active",
    "success",
    "evt_00000000000000000000000000",
    "pipeline.started",
    "💥",
    "a".repeat(3000),
  ),
)

const json = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value)),
  fc
    .record(
      {
        name: fc.oneof(fc.constant("fuzzed"), nasty),
        sources: fc.oneof(fc.jsonValue(), fc.constant([{ type: "csv", path: "users.csv" }])),
        transforms: fc.jsonValue(),
        destinations: fc.oneof(fc.jsonValue(), fc.constant([{ type: "ndjson", path: "fuzzed.ndjson" }])),
        schedule: nasty,
        full_refresh: fc.oneof(fc.boolean(), nasty),
        variables: fc.dictionary(nasty, fc.oneof(nasty, fc.double(), fc.boolean())),
        input: fc.array(fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }), { maxLength: 4 }),
        config: fc.oneof(fc.jsonValue(), fc.record({ condition: nasty, columns: fc.jsonValue() })),
        type: fc.oneof(fc.constantFrom("csv", "postgres", "sqlite"), nasty),
        enabled: fc.oneof(fc.boolean(), nasty),
        timezone: nasty,
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
)

const body = fc.oneof(
  fc.constant(undefined),
  json,
  json.map((text) => text.slice(0, Math.floor(text.length * 0.7))),
  nasty,
  fc.constantFrom(
    "name: fuzzed\nsources: []\n",
    "a: &a [*a]",
    "{".repeat(500),
    "- - - -",
    "? x",
    "!!js/function x",
    "name: !!binary x",
    "<<: *x",
    "\uFEFFname: x",
  ),
)

const type = fc.constantFrom(
  "application/json",
  "application/yaml",
  "text/yaml",
  "text/plain",
  "application/json; charset=utf-16",
  "",
  "x/y;;",
)

// Of headers only those that the handler looks at, with what HTTP lets through.
const headerText = fc.string({ unit: fc.constantFrom(...Array.from('abc019-_/"*.,; =:{}[]~')), maxLength: 40 })

const headers = fc.dictionary(
  fc.constantFrom(
    "accept",
    "if-match",
    "idempotency-key",
    "last-event-id",
    "x-request-id",
    "webhook-id",
    "webhook-signature",
    "x-webhook-secret",
    "content-encoding",
  ),
  fc.oneof(headerText, fc.constantFrom("application/yaml", "text/vnd.mermaid", "image/svg+xml", '"1"', "*", "identity")),
  { maxKeys: 3 },
)

export const fuzzedRequests = async (): Promise<fc.Arbitrary<FuzzedRequest>> => {
  const { paths } = (await openApiDocument()) as {
    readonly paths: Record<string, Record<string, { readonly parameters: ReadonlyArray<{ readonly in: string; readonly name: string }> }>>
  }
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters }]): Operation => ({
      path,
      method: method.toUpperCase(),
      parameters: parameters.filter((one) => one.in === "query").map(({ name }) => name),
    })),
  )
  return fc.constantFrom(...operations).chain(({ path, method, parameters }) =>
    fc
      .record({
        method: fc.oneof(
          { weight: 9, arbitrary: fc.constant(method) },
          fc.constantFrom("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"),
        ),
        parts: fc.array(fc.oneof(fc.constant("orders"), nasty), { minLength: 3, maxLength: 3 }),
        query: fc.array(fc.tuple(fc.oneof(fc.constantFrom("page", ...parameters), nasty), nasty), { maxLength: 3 }),
        type,
        headers,
        body,
      })
      .map(({ parts, query, type: contentType, body: text, ...rest }): FuzzedRequest => {
        let at = 0
        const filled = path.replaceAll(/\{\w+\}/g, () => encoded(parts[at++]!))
        const search = query.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join("&")
        const hasBody = rest.method !== "GET" && rest.method !== "HEAD" && text !== undefined
        return {
          method: rest.method,
          address: search === "" ? filled : `${filled}?${search}`,
          headers: { ...rest.headers, ...(contentType === "" ? {} : { "content-type": contentType }) },
          body: hasBody ? text : undefined,
        }
      }),
  )
}

const encoded = (text: string): string => encodeURIComponent(text.toWellFormed())

/** Sends so many; every answer is one of the API, and none says that something went wrong here. */
export const sendFuzzed = async (server: TestServer, numRuns: number): Promise<void> => {
  await server.send("POST", "/api/v1/pipelines", definition("orders"))
  const key = await server.keyFor("admin")
  const requests = await fuzzedRequests()
  await fc.assert(
    fc.asyncProperty(requests, async ({ method, address, headers: given, body: text }) => {
      const request = new Request(`http://localhost${address}`, {
        method,
        headers: { ...given, authorization: `Bearer ${key}` },
        ...(text === undefined ? {} : { body: text }),
      })
      const response = await server.handler(request)
      if (response.status >= 500) throw new Error(`${method} ${address} answered ${response.status}: ${await response.text()}`)
      if (response.headers.get("x-request-id") === null) throw new Error(`${method} ${address} has no id`)
      await response.body?.cancel()
    }),
    { numRuns },
  )
}
