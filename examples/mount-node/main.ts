import { createServer } from "node:http"
import { builtins } from "@deltaflow/connectors"
import { createEngine } from "@deltaflow/core"
import { createHandler } from "@deltaflow/http"
import { toNodeListener } from "@deltaflow/http/node"

const engine = createEngine({ plugins: builtins })
const api = toNodeListener(createHandler(engine, { prefix: "/etl", auth: "none" }))

createServer((request, response) => {
  if (request.url?.startsWith("/etl/") === true) api(request, response)
  else response.end("the shop\n")
}).listen(Number(process.env["PORT"] ?? 8080))
