/** DuckDB: one COPY statement, column types given, order kept. */
import { DuckDBInstance } from "@duckdb/node-api"
import { contender, type Task } from "./contender.ts"

const columns = `{
  id: 'BIGINT', customer_id: 'BIGINT', first_name: 'VARCHAR', last_name: 'VARCHAR', email: 'VARCHAR', status: 'VARCHAR',
  amount: 'DECIMAL(10,2)', currency: 'VARCHAR', country: 'VARCHAR', created_at: 'TIMESTAMP', note: 'VARCHAR'
}`
const timestampFormat = "timestampformat '%Y-%m-%dT%H:%M:%SZ'"
const filter = "status = 'paid' AND amount > 50"

const j1 = ({ input, output }: Task): string => `
  COPY (
    SELECT *, first_name || ' ' || last_name AS full_name, EXTRACT(YEAR FROM created_at) AS year, (amount * 100)::bigint AS amount_cents
    FROM read_csv('${input}', header = true, columns = ${columns}) WHERE ${filter}
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

await contender({ j1: runs(j1), j4: runs(j4) })
