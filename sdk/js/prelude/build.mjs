// Bundles the prelude to one ES module, `target/js/prelude.js`. What the host gives stays an import; libraries that few
// programs use follow as comments (`src/parts.js`), and so do modules for kinds of data (`src/data`).

import { build } from "esbuild";
import { mkdir, readFile, writeFile } from "node:fs/promises";
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

/** Gives the stream library's own names short forms, which are a fifth of its text. `body.js` asks a stream for one. */
const shortNames = {
  name: "short-names",
  setup({ onLoad }) {
    onLoad({ filter: /web-streams-polyfill.*\.mjs$/ }, async ({ path }) => {
      const names = new Map([["_disturbed", "_disturbed"]]);
      const short = (name) => names.get(name) ?? names.set(name, `_${names.size.toString(36)}`).get(name);
      return { contents: (await readFile(path, "utf8")).replace(/\b_[a-zA-Z]\w*/g, short) };
    });
  },
};

/** What is the same for all bundles. */
const common = {
  bundle: true,
  target: "es2023",
  platform: "neutral",
  mainFields: ["module", "main"],
  external: ["wasi:*", "ostro:*"],
  plugins: [slimUrl, shortNames],
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

/** Modules for kinds of data, and the kinds of resources that each makes bindings of. */
const modules = { auth: [], db: ["collection"], functions: ["function"], realtime: [], sql: ["sql"], storage: ["bucket"] };

/** A module as a line that `ostro-js` reads, a comment for everybody else. */
async function moduleLine([name, bindings]) {
  const options = { entryPoints: [local(`src/data/${name}.js`)], format: "esm", metafile: true, outdir: "." };
  const { outputFiles, metafile, warnings } = await build({ ...common, ...options });
  if (warnings.length > 0) process.exit(1);
  const [{ exports, imports }] = Object.values(metafile.outputs);
  const interfaces = imports.map(({ path }) => path.split("@", 1)[0]).filter((path) => path.includes("/"));
  return `//module ${JSON.stringify({ name: `ostro:${name}`, bindings, exports, code: outputFiles[0].text.trimEnd(), interfaces })}`;
}

const prelude = await bundle({ entryPoints: [local("src/index.js")], format: "esm" });
const others = [...Object.entries(parts).map(partLine), ...Object.entries(modules).map(moduleLine)];
const lines = [prelude, ...(await Promise.all(others)), ""];
const name = process.argv[2] ?? local("../../../target/js/prelude.js");
await mkdir(dirname(name), { recursive: true });
await writeFile(name, lines.join("\n"));
console.log(`${name}: ${lines.map((line) => line.length).join(" + ")} bytes`);
