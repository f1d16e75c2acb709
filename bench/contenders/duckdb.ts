/** DuckDB: one COPY statement, column types given, order kept. */
import { DuckDBInstance } from "@duckdb/node-api"
import { inputColumns } from "../columns.ts"
import { contender, type Task } from "./contender.ts"
import { columns, timestampFormat } from "./duckdbColumns.ts"

const filter = "status = 'paid' AND amount > 50"

const j1 = ({ input, output }: Task): string => `
  COPY (
    SELECT *, first_name || ' ' || last_name AS full_name, EXTRACT(YEAR FROM created_at) AS year, (amount * 100)::bigint AS amount_cents
    FROM read_csv('${input}', header = true, columns = ${columns}) WHERE ${filter}
  ) TO '${output}' (FORMAT json, ${timestampFormat})`

const j2 = ({ input, output }: Task): string => `
  COPY (
    SELECT country, currency, COUNT(*) AS orders, SUM(amount) AS total, ROUND(AVG(amount), 2) AS average, MAX(amount) AS largest
    FROM read_csv('${input}', header = true, columns = ${columns}) WHERE ${filter} GROUP BY country, currency
  ) TO '${output}' (FORMAT json)`

/** A window over all rows takes a quarter longer, and twice the memory. */
const j3 = ({ input, output }: Task): string => `
  COPY (
    SELECT ${inputColumns.map((name) => (name === "customer_id" ? name : `arg_max(${name}, created_at) AS ${name}`)).join(", ")}
    FROM read_csv('${input}', header = true, columns = ${columns}) GROUP BY customer_id
  ) TO '${output}' (FORMAT json, ${timestampFormat})`

const j4 = ({ input, output }: Task): string => `
  COPY (SELECT * FROM read_json('${input}', format = 'newline_delimited', columns = ${columns}) WHERE ${filter})
  TO '${output}' (FORMAT csv, HEADER, ${timestampFormat})`

const runs =
  (statement: (task: Task) => string) =>
  async (task: Task): Promise<void> => {
    const database = await DuckDBInstance.create(":memory:", { threads: String(task.threads) })
    const connection = await database.connect()
    await connection.run(statement(task))
    connection.closeSync()
    database.closeSync()
  }

await contender({ j1: runs(j1), j2: runs(j2), j3: runs(j3), j4: runs(j4) })
