import { builtins } from "@deltaflow/connectors"
import { createEngine } from "@deltaflow/core"
import { createHandler } from "@deltaflow/http"
import { toNodeListener } from "@deltaflow/http/node"
import fastify from "fastify"

const api = toNodeListener(createHandler(createEngine({ plugins: builtins }), { prefix: "/etl", auth: "none" }))
const app = fastify()
app.get("/", () => "the shop\n")
await app.register(async (scope) => {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser("*", (_request, _payload, done) => done(null))
  scope.all("/etl/*", (request, reply) => api(request.raw, reply.hijack().raw))
})
await app.listen({ port: Number(process.env["PORT"] ?? 8080) })
