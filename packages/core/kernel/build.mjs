/**
 * Compiles the kernel to src/text/kernelBinary.ts.
 *
 *   node packages/core/kernel/build.mjs            writes the file
 *   node packages/core/kernel/build.mjs --check    fails when the file is not what the sources give
 */
import { readFile, writeFile } from "node:fs/promises"
import path from "node:path"
import asc from "assemblyscript/asc"

const folder = import.meta.dirname
const target = path.join(folder, "../src/text/kernelBinary.ts")

const compile = async () => {
  const options = ["--runtime", "stub", "--enable", "simd", "--use", "abort=", "--noAssert", "-O3", "--converge"]
  let binary
  const { error, stderr } = await asc.main(["index.ts", "--baseDir", folder, "--outFile", "kernel.wasm", ...options], {
    writeFile: (_name, contents) => {
      binary = contents
    },
  })
  if (error) throw new Error(`packages/core/kernel: does not compile.\n${stderr.toString()}`, { cause: error })
  if (WebAssembly.Module.imports(new WebAssembly.Module(binary)).length > 0)
    throw new Error("packages/core/kernel: the module imports something.")
  return binary
}

const binary = await compile()
const source = `/** Made by \`node packages/core/kernel/build.mjs\` from packages/core/kernel: never edit it. ${binary.length} bytes of WebAssembly. */
export const kernelBinary =
  "${Buffer.from(binary).toString("base64")}"
`

if (!process.argv.includes("--check")) {
  await writeFile(target, source)
  console.log(`${path.relative(process.cwd(), target)}: ${binary.length} bytes of WebAssembly, ${source.length} of source`)
} else if ((await readFile(target, "utf8")) !== source) {
  console.error(
    "packages/core/src/text/kernelBinary.ts: is not what packages/core/kernel compiles to. Run: node packages/core/kernel/build.mjs",
  )
  process.exitCode = 1
}
