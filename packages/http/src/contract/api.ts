/** The endpoints as one `HttpApi` of Effect, and the OpenAPI document that comes from it. Loaded when somebody asks for the document. */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { problemCodes, type ProblemCode } from "../problems.ts"
import { type AnswerForm, type Endpoint, endpoints } from "./endpoints.ts"
import { ErrorBody, EventsMeta, ListMeta, Meta } from "./schemas.ts"

class KeyRequired extends HttpApiMiddleware.Service<KeyRequired>()("@deltaflow/http/KeyRequired", {
  security: { bearer: HttpApiSecurity.bearer },
}) {}

const everywhere: ReadonlyArray<ProblemCode> = ["INVALID_REQUEST", "RATE_LIMITED", "INTERNAL", "UNAVAILABLE"]

const guarded: ReadonlyArray<ProblemCode> = ["UNAUTHENTICATED", "FORBIDDEN"]

const errorsOf = ({ problems = [], scope }: Endpoint): ReadonlyArray<Schema.Top> => {
  const codes = [...everywhere, ...(scope === "none" || scope === "secret" ? [] : guarded), ...problems]
  const statuses = [...new Set(codes.map((code) => problemCodes[code]))].toSorted((a, b) => a - b)
  return statuses.map((status) => {
    const named = [...new Set(codes.filter((code) => problemCodes[code] === status))]
    return ErrorBody.pipe(HttpApiSchema.status(status)).annotate({ description: named.join(", ") })
  })
}

const answerOf = ({ answer, data = Schema.Unknown, status = 200 }: Endpoint): Schema.Top => {
  const schemas: Readonly<Record<AnswerForm, () => Schema.Top>> = {
    item: () => Schema.Struct({ data, meta: Meta }),
    list: () => Schema.Struct({ data: Schema.Array(data), meta: ListMeta }),
    events: () => Schema.Struct({ data: Schema.Array(data), meta: EventsMeta }),
    lines: () => Schema.String.pipe(HttpApiSchema.asText({ contentType: "application/x-ndjson" })),
    stream: () => Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/event-stream" })),
    text: () => Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain" })),
    none: () => HttpApiSchema.NoContent,
  }
  const made = schemas[answer]()
  return answer === "none" ? made : made.pipe(HttpApiSchema.status(status))
}

const paramsOf = (path: string): Schema.Struct.Fields =>
  Object.fromEntries(Array.from(path.matchAll(/:(\w+)/g), ([, name]) => [name!, Schema.String]))

const toEndpoint = (endpoint: Endpoint): HttpApiEndpoint.Top => {
  const { id, method, path, query, body, scope, summary } = endpoint
  const params = paramsOf(path)
  const made = HttpApiEndpoint.make(method)(id.split(".")[1]!, path, {
    ...(Object.keys(params).length === 0 ? {} : { params }),
    ...(query === undefined ? {} : { query }),
    ...(body === undefined ? {} : { payload: body.schema }),
    success: answerOf(endpoint),
    error: errorsOf(endpoint),
  } as object) as unknown as AnyEndpoint
  const told = made.annotateMerge(
    OpenApi.annotations({ summary, identifier: id, ...(isOpen(scope) ? {} : { description: `Scope: \`${scope}\`.` }) }),
  )
  return isOpen(scope) ? told : told.middleware(KeyRequired)
}

const isOpen = (scope: Endpoint["scope"]): boolean => scope === "none" || scope === "secret"

// Endpoints that are made from a table have no types of their own that could be kept.
type AnyEndpoint = HttpApiEndpoint.Top & {
  readonly annotateMerge: (annotations: unknown) => AnyEndpoint
  readonly middleware: (service: unknown) => AnyEndpoint
}

const groups = [...new Set(endpoints.map(({ id }) => id.split(".")[0]!))].map((name) => {
  const own = endpoints.filter(({ id }) => id.startsWith(`${name}.`)).map(toEndpoint)
  return HttpApiGroup.make(name).add(...(own as [HttpApiEndpoint.Top]))
})

/** The whole contract. */
export const PipelineApi = HttpApi.make("deltaflow")
  .add(...(groups as unknown as [HttpApiGroup.Top]))
  .annotateMerge(
    OpenApi.annotations({
      title: "Pipeline API",
      version: "1",
      description: "Manage pipeline definitions, trigger runs, inspect results.",
    }),
  )

/** OpenAPI 3.1. Which scope an operation needs stands in `x-scope`; what takes YAML says so. */
export const openApiDocument = (): Readonly<Record<string, unknown>> => {
  const document = withOneError(OpenApi.fromApi(PipelineApi))
  for (const endpoint of endpoints) {
    const operation = document.paths[endpoint.path.replaceAll(/:(\w+)/g, "{$1}")]![endpoint.method.toLowerCase()]!
    typeParameters(operation, endpoint)
    operation["x-scope"] = endpoint.scope
    const body = operation["requestBody"] as { required?: boolean; content: Record<string, unknown> } | undefined
    if (body === undefined) continue
    body.required = endpoint.body?.isOptional !== true
    if (endpoint.body?.yaml !== true) continue
    for (const type of ["application/yaml", "text/yaml", "application/x-yaml"]) body.content[type] = { schema: { type: "string" } }
  }
  return document
}

/** Each use of the error makes a schema of its own, all alike. */
const withOneError = (document: unknown): Document => {
  const text = JSON.stringify(document).replaceAll(/#\/components\/schemas\/Error_\d+/g, "#/components/schemas/Error")
  const parsed = JSON.parse(text) as Document
  const { schemas } = parsed.components
  for (const name of Object.keys(schemas)) if (/^Error_\d+$/.test(name)) delete schemas[name]
  return parsed
}

/** In an address everything is text; what the text must be says the schema itself. */
const typeParameters = (operation: Record<string, unknown>, { query }: Endpoint): void => {
  if (query === undefined) return
  const { properties = {} } = Schema.toJsonSchemaDocument(Schema.Struct(query)).schema as { readonly properties?: Record<string, unknown> }
  for (const parameter of operation["parameters"] as Array<{ readonly in: string; readonly name: string; schema: unknown }>)
    if (parameter.in === "query") parameter.schema = properties[parameter.name] ?? parameter.schema
}

interface Document {
  readonly components: { readonly schemas: Record<string, unknown> }
  readonly paths: Record<string, Record<string, Record<string, unknown>>>
  readonly [key: string]: unknown
}
