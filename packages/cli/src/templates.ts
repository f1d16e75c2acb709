/** What `deltaflow init` writes. */

export interface Template {
  /** Text by path inside the project. */
  readonly files: Readonly<Record<string, string>>
}

const users = `id,first_name,last_name,email,age
1,Ada,Lovelace,ada@example.com,36
2,Bo,Larsen,bo@example.com,17
3,Chidi,Okafor,chidi@example.com,18
4,Dora,Nguyen,dora@example.com,9
5,Élise,Moreau,elise@example.com,52
`

const environment = `# Copy to .env and fill in. Pipelines read these as \${NAME}; .env stays out of version control.
# API_TOKEN=
`

const ignored = `.env
.env.*
!.env.example
.deltaflow/
output/
*.db
`

const transform = `/** One row in, one row out. Give null to leave the row out, or a list to make several. */
export default function addDomain(row) {
  return { ...row, domain: row.email.slice(row.email.indexOf("@") + 1) }
}
`

const test = (name: string): string => `# yaml-language-server: $schema=../.deltaflow/tests.schema.json
pipeline: ${name}

tests:
  - name: keeps adults and takes the domain from the address
    fixtures:
      users:
        - { id: 1, first_name: Ada, last_name: Lovelace, email: ada@example.com, age: 36 }
        - { id: 2, first_name: Bo, last_name: Larsen, email: bo@example.com, age: 17 }
        - { id: 3, first_name: Chidi, last_name: Okafor, email: chidi@example.org, age: 18 }
    expect:
      unique: id
      no_nulls: [id, email]
      expression: "age >= 18"
      equals:
        - { id: 1, firstName: Ada, lastName: Lovelace, email: ada@example.com, age: 36, domain: example.com }
        - { id: 3, firstName: Chidi, lastName: Okafor, email: chidi@example.org, age: 18, domain: example.org }

  - name: takes no rows for none
    fixtures:
      users: []
    expect:
      row_count: 0
`

const pipeline = (name: string, destination: string): string => `# yaml-language-server: $schema=./.deltaflow/schema.json
name: ${name}
version: "1.0"
description: Keeps the adults of a small CSV file.

sources:
  - type: csv
    name: users
    path: data/users.csv

transforms:
  - type: filter
    condition: "age >= 18"
  - type: custom
    module: transforms/add-domain.mjs
  - type: rename
    columns:
      first_name: firstName
      last_name: lastName

destinations:
${destination}`

const readme = (output: string): string => `# Pipelines

- \`deltaflow run\` reads \`data/users.csv\` and writes ${output}.
- \`deltaflow preview deltaflow.yml --step 1\` shows the rows after the first step, and writes nothing.
- \`deltaflow explain deltaflow.yml\` shows what is read and what each step gives.
- \`deltaflow validate\` checks the pipeline; \`deltaflow doctor\` checks everything around it.
- \`deltaflow test\` runs the tests in \`tests/\`, on rows of their own.

More pipelines go into \`pipelines/\`, one file each.
`

const project = (name: string, destination: string, output: string): Template => ({
  files: {
    "deltaflow.yml": pipeline(name, destination),
    "data/users.csv": users,
    "transforms/add-domain.mjs": transform,
    [`tests/${name}.test.yml`]: test(name),
    ".env.example": environment,
    ".gitignore": ignored,
    "README.md": readme(output),
  },
})

export const templates: Readonly<Record<string, Template>> = {
  "csv-to-json": project(
    "csv-to-json",
    `  - type: json
    path: output/adults.json
    pretty: true
`,
    "`output/adults.json`",
  ),
  "csv-to-sqlite": project(
    "csv-to-sqlite",
    `  - type: sqlite
    path: users.db
    table: adults
    write_mode: upsert
    key: [id]
`,
    "the table `adults` of `users.db`",
  ),
}

export const templateNames: ReadonlyArray<string> = Object.keys(templates)
