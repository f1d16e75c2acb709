/** One PostgreSQL with what the shop keeps, and with the state of its pipelines. */
import { postgresStore } from "@deltaflow/connectors/postgres/store"
import pg from "pg"

export const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"] })

export const store = postgresStore({ pool })

await pool.query(`
  CREATE TABLE IF NOT EXISTS orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text, status text);
  CREATE TABLE IF NOT EXISTS imports (file text, at timestamptz DEFAULT now());
  CREATE TABLE IF NOT EXISTS prices (item text PRIMARY KEY, price numeric(10, 2));
`)
