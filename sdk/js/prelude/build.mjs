// Bundles the prelude to one ES module, `target/js/prelude.js`. What the host gives stays an import; libraries that few
// programs use follow as comments (`src/parts.js`).

import { build } from "esbuild";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const local = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Puts modules of our own in the place of the URL library's dependencies, which carry large tables. */
const slimUrl = {
  name: "slim-url",
  setup({ onResolve }) {
    onResolve({ filter: /^tr46$/ }, () => ({ path: local("src/idna.js") }));
    onResolve({ filter: /^@exodus\/bytes\/whatwg\.js$/ }, () => ({ path: local("src/percent.js") }));
    onResolve({ filter: /^@exodus\/bytes\/encoding\.js$/ }, () => ({ path: local("src/nothing.js") }));
    onResolve({ filter: /^\.\/encoding$/ }, ({ importer, path }) =>
      importer.includes("whatwg-url") ? { path: local("src/url-encoding.js") } : { path },
    );
  },
};

/** What is the same for all bundles. */
const common = {
  bundle: true,
  target: "es2023",
  platform: "neutral",
  mainFields: ["module", "main"],
  external: ["wasi:*", "ostro:*"],
  plugins: [slimUrl],
  // Every component carries it. Frames of the prelude are left out of traces; globals.js gives classes their names back.
  minify: true,
  legalComments: "none",
  write: false,
  logLevel: "warning",
};

async function bundle(options) {
  const { outputFiles, warnings } = await build({ ...common, ...options });
  if (warnings.length > 0) process.exit(1);
  return outputFiles[0].text.trimEnd();
}

/** Libraries by themselves, and the words of a program that suggest that it uses them. */
const parts = {
  streams: ["stream", "Stream", "body", "Blob", "asyncIterator", "async*", "async *"],
  hashes: ["subtle"],
  url: ["URL", "url", "redirect", "Request(", "await fetch", "return fetch"],
};

/** A part as a line that `ostro-js` reads, a comment for everybody else: its name, its words, an expression that makes it. */
async function partLine([name, words]) {
  const text = await bundle({ entryPoints: [local(`src/parts/${name}.js`)], format: "iife", globalName: "part" });
  const expression = text.match(/^(?:"use strict";)?var part=(\(\(\)=>\{.*\}\)\(\));$/)?.[1];
  if (expression === undefined) throw new Error(`the bundle of ${name} is not one line with one variable`);
  return `//part ${JSON.stringify([name, words, expression])}`;
}

const prelude = await bundle({ entryPoints: [local("src/index.js")], format: "esm" });
const lines = [prelude, ...(await Promise.all(Object.entries(parts).map(partLine))), ""];
const name = process.argv[2] ?? local("../../../target/js/prelude.js");
await mkdir(dirname(name), { recursive: true });
await writeFile(name, lines.join("\n"));
console.log(`${name}: ${lines.map((line) => line.length).join(" + ")} bytes`);
