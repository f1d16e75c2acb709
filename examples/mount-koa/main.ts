import { builtins } from "@deltaflow/connectors"
import { createEngine } from "@deltaflow/core"
import { createHandler } from "@deltaflow/http"
import { toNodeListener } from "@deltaflow/http/node"
import Koa from "koa"

const api = toNodeListener(createHandler(createEngine({ plugins: builtins }), { prefix: "/etl", auth: "none" }))
const app = new Koa()
app.use(async (context, next) => {
  if (!context.path.startsWith("/etl/")) return await next()
  context.respond = false
  api(context.req, context.res)
})
app.use((context) => void (context.body = "the shop\n"))
app.listen(Number(process.env["PORT"] ?? 8080))
