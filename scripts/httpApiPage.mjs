/** The reference page of the Pipeline API, from its table of endpoints and its document. */
import path from "node:path"

/**
 * @typedef {{ type?: string | string[], enum?: unknown[], anyOf?: Node[], $ref?: string, description?: string, properties?: Record<string,
 * Node>, items?: Node, required?: string[], allOf?: Node[], minimum?: number, maximum?: number }} Node
 */

/** @param {string} root @param {string} made */
export const httpApiPage = async (root, made) => {
  const { endpoints } = await import(path.join(root, "packages/http/src/contract/endpoints.ts"))
  const { openApiDocument } = await import(path.join(root, "packages/http/src/contract/api.ts"))
  const { problemCodes } = await import(path.join(root, "packages/http/src/problems.ts"))
  const document = openApiDocument()
  /** @type {Record<string, Node>} */
  const schemas = document.components.schemas
  const groups = [...new Set(endpoints.map((/** @type {{ id: string }} */ { id }) => id.split(".")[0]))]
  return [
    "# The Pipeline API",
    made,
    "Base path `/api/v1`, below the prefix where it is mounted. JSON in snake_case, times in ISO 8601 with `Z`. Every answer has",
    "`meta.request_id`, also in the header `X-Request-Id`, and `meta.timestamp`; lists add `total`, `page` and `per_page`, and a `Link` header.",
    "`Authorization: Bearer df_key_…` says who asks. A running server has the same as `/api/v1/openapi.json` and `/docs`.\n",
    ...groups.flatMap((group) => [
      `## ${group[0].toUpperCase()}${group.slice(1)}\n`,
      ...endpoints
        .filter((/** @type {{ id: string }} */ { id }) => id.startsWith(`${group}.`))
        .map((/** @type {any} */ endpoint) => section(endpoint, document, problemCodes)),
    ]),
    "## Shapes\n",
    ...Object.entries(schemas).map(
      ([name, node]) =>
        `### ${name}\n\n${node.properties === undefined ? `An object. ${node.description ?? ""}\n`.replace(" \n", "\n") : propertyTable(node)}`,
    ),
    "## Errors\n",
    '`{"error": {"code", "message", "details"}, "meta": {…}}`. A body, a query or a definition that is wrong lists all that is wrong in',
    "`details.issues`, each with `path` and `message`, and `line` and `column` where it came as text.\n",
    "| status | code |",
    "|---|---|",
    ...Object.entries(problemCodes).map(([code, status]) => `| ${status} | \`${code}\` |`),
    "",
  ].join("\n")
}

/** @param {any} endpoint @param {any} document @param {Record<string, number>} problemCodes */
const section = (endpoint, document, problemCodes) => {
  const { method, scope, summary, body, problems = [], status = 200 } = endpoint
  const address = endpoint.path.replaceAll(/:(\w+)/g, "{$1}")
  const operation = document.paths[address][method.toLowerCase()]
  const parameters = operation.parameters.filter((/** @type {{ in: string }} */ parameter) => parameter.in === "query")
  const answer = operation.responses[status]?.content?.["application/json"]?.schema?.properties?.data
  const facts = [
    scope === "none" ? "Anybody may call it." : scope === "secret" ? "The trigger's own secret decides." : `Scope \`${scope}\`.`,
    body === undefined
      ? ""
      : `Body: ${kindOf(operation.requestBody.content["application/json"].schema)}${body.yaml === true ? ", as JSON or YAML" : ""}${body.isOptional === true ? ", or none" : ""}.`,
    `Answers ${status}${answer === undefined ? "" : ` with ${kindOf(answer)}`}.`,
    problems.length === 0
      ? ""
      : `Errors: ${problems.map((/** @type {string} */ code) => `\`${code}\` (${problemCodes[code]})`).join(", ")}.`,
  ]
  const rows = parameters.map(
    (/** @type {{ name: string, schema: Node }} */ { name, schema }) => `| \`${name}\` | ${kindOf(schema)} | ${schema.description ?? ""} |`,
  )
  const table = rows.length === 0 ? [] : ["", "| parameter | value | meaning |", "|---|---|---|", ...rows]
  return [`### ${summary}`, "", `\`${method} ${address}\``, "", facts.filter((fact) => fact !== "").join(" "), ...table, ""].join("\n")
}

/** @param {Node} node */
const propertyTable = ({ properties = {}, required = [] }) =>
  [
    "| field | value | meaning |",
    "|---|---|---|",
    ...Object.entries(properties).map(
      ([name, node]) =>
        `| \`${name}\`${required.includes(name) ? "" : " (may be missing)"} | ${kindOf(node)} | ${node.description ?? ""} |`,
    ),
    "",
  ].join("\n")

/** @param {Node} node @returns {string} */
const kindOf = (node) => {
  if (node.$ref !== undefined) {
    const name = node.$ref.split("/").at(-1) ?? ""
    return `[${name}](#${name.toLowerCase()})`
  }
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(", ")
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(kindOf))].join(" or ")
  if (node.type === "array") return `list of ${kindOf(node.items ?? {})}`
  const names = { object: "object", string: "text", integer: "whole number", number: "number", boolean: "true or false", null: "null" }
  return typeof node.type === "string" ? (names[/** @type {keyof typeof names} */ (node.type)] ?? node.type) : "any"
}
