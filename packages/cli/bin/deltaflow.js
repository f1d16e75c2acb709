#!/usr/bin/env node
// Plain old syntax and no static import: this file must load on any Node, to say which one is needed.
var needed = [22, 18]
var found = process.versions.node
var parts = found.split(".").map(Number)

// Node 22 says of its SQLite and of TypeScript modules that they are experimental: that is ours to know, and not the user's.
var emitWarning = process.emitWarning
process.emitWarning = function (warning) {
  if (!/^(SQLite|Type Stripping) is an experimental feature/.test(String(warning))) emitWarning.apply(process, arguments)
}

function start() {
  return import("node:module")
    .then(function (nodeModule) {
      // Compiled code is kept between starts, which makes the next one faster.
      nodeModule.enableCompileCache()
      return import("../dist/main.js")
    })
    .then(function (command) {
      return command.main(process.argv.slice(2), process.env).then(command.leave)
    })
    .catch(function (cause) {
      process.stderr.write("deltaflow: could not start: " + ((cause && cause.stack) || cause) + "\n")
      process.exitCode = 1
    })
}

if (parts[0] > needed[0] || (parts[0] === needed[0] && parts[1] >= needed[1])) {
  void start()
} else {
  process.stderr.write(
    "deltaflow needs Node " +
      needed.join(".") +
      " or newer, this is " +
      found +
      ". Install a newer Node from https://nodejs.org and run the command again.\n",
  )
  process.exitCode = 2
}
