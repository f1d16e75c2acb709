/** The orders as DuckDB reads and writes them. */
export const columns = `{
  id: 'BIGINT', customer_id: 'BIGINT', first_name: 'VARCHAR', last_name: 'VARCHAR', email: 'VARCHAR', status: 'VARCHAR',
  amount: 'DECIMAL(10,2)', currency: 'VARCHAR', country: 'VARCHAR', created_at: 'TIMESTAMP', note: 'VARCHAR'
}`

export const timestampFormat = "timestampformat '%Y-%m-%dT%H:%M:%SZ'"
