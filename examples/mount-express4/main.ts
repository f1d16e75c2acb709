import { builtins } from "@deltaflow/connectors"
import { createEngine } from "@deltaflow/core"
import { createHandler } from "@deltaflow/http"
import { toNodeListener } from "@deltaflow/http/node"
import express from "express"

const engine = createEngine({ plugins: builtins })
const app = express()
// Before express.json(): signatures of webhooks are over the bytes that came.
app.use("/etl", toNodeListener(createHandler(engine, { prefix: "/etl", auth: "none" })))
app.use(express.json())
app.get("/", (_, response) => void response.send("the shop\n"))
app.listen(Number(process.env["PORT"] ?? 8080))
