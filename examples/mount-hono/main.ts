import { builtins } from "@deltaflow/connectors"
import { createEngine } from "@deltaflow/core"
import { createHandler } from "@deltaflow/http"
import { serve } from "@hono/node-server"
import { Hono } from "hono"

const engine = createEngine({ plugins: builtins })
const api = createHandler(engine, { prefix: "/etl", auth: "none" })
const app = new Hono()
app.get("/", (context) => context.text("the shop\n"))
app.all("/etl/*", (context) => api(context.req.raw))
serve({ fetch: app.fetch, port: Number(process.env["PORT"] ?? 8080) })
