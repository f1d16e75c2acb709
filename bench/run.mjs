// Plain JavaScript, so that an old Node can say what it lacks.
const [major] = process.versions.node.split(".").map(Number)
if (major < 24) {
  console.error(`bench: this is Node ${process.versions.node}. Use Node 24 or newer, as \`pnpm bench\` does.`)
  process.exitCode = 2
} else {
  const { main } = await import("./harness/main.ts")
  process.exitCode = await main(process.argv.slice(2))
}
