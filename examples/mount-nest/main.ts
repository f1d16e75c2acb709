import "reflect-metadata"
import { builtins } from "@deltaflow/connectors"
import { createEngine } from "@deltaflow/core"
import { createHandler } from "@deltaflow/http"
import { toNodeListener } from "@deltaflow/http/node"
import { NestFactory } from "@nestjs/core"
import { ShopModule } from "./shop.ts"

const engine = createEngine({ plugins: builtins })
const app = await NestFactory.create(ShopModule, { logger: false })
app.use("/etl", toNodeListener(createHandler(engine, { prefix: "/etl", auth: "none" })))
await app.listen(Number(process.env["PORT"] ?? 8080))
