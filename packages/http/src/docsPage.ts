/** The API as one page that stands alone: no script, no font, no other file. */
import { type Endpoint, endpoints } from "./contract/endpoints.ts"
import { problemCodes } from "./problems.ts"

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1f2933;background:#fff}
code{font:13px ui-monospace,monospace;background:#8882;padding:.1em .3em;border-radius:3px}h2{margin-top:2.5rem;text-transform:capitalize}
section{border-top:1px solid #8884;padding:.8rem 0}h3{margin:0;font-size:1rem}table{border-collapse:collapse;margin:.4rem 0}td,th{padding:.15rem .8rem .15rem 0;text-align:left;vertical-align:top}
@media(prefers-color-scheme:dark){body{color:#e6eaee;background:#161b20}}`

export const docsPage = (prefix: string): string => {
  const groups = [...new Set(endpoints.map(({ id }) => id.split(".")[0]!))]
  const sections = groups.map((group) => {
    const own = endpoints.filter(({ id }) => id.startsWith(`${group}.`)).map((endpoint) => section(endpoint, prefix))
    return `<h2>${group}</h2>\n${own.join("\n")}`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Pipeline API</title><style>${STYLE}</style></head>
<body><h1>Pipeline API</h1>
<p>The Pipeline API lets you manage pipeline definitions, trigger runs, and inspect results programmatically. Send
<code>Authorization: Bearer df_key_…</code>. For machines: <a href="${prefix}/api/v1/openapi.json">openapi.json</a>.</p>
${sections.join("\n")}
</body></html>
`
}

const section = ({ method, path, summary, scope, query, body, problems = [], status = 200 }: Endpoint, prefix: string): string => {
  const rows = Object.entries(query ?? {}).map(
    ([name, schema]) => `<tr><td><code>${name}</code></td><td>${escaped(String(schema.ast.annotations?.["description"] ?? ""))}</td></tr>`,
  )
  const codes = problems.map((code) => `<code>${problemCodes[code]} ${code}</code>`).join(" ")
  const facts = [
    scope === "none" ? "Anybody may call it." : scope === "secret" ? "The trigger's secret decides." : `Scope: <code>${scope}</code>.`,
    body === undefined ? "" : `Body: ${body.yaml === true ? "JSON or YAML" : "JSON"}${body.isOptional === true ? ", or none" : ""}.`,
    `Answers ${status}.`,
    codes === "" ? "" : `Errors: ${codes}`,
  ]
  return `<section><h3><code>${method} ${escaped(prefix + path)}</code></h3><p>${escaped(summary)}. ${facts.filter((fact) => fact !== "").join(" ")}</p>${
    rows.length === 0 ? "" : `<table>${rows.join("")}</table>`
  }</section>`
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }

const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character]!)
