// Makes the package: `dist/ostro-client.js`, one minified ES module, and the types of its sources beside it.

import { execFileSync } from "node:child_process";
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { bundle } from "./bundle.mjs";

const local = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

await rm(local("dist"), { recursive: true, force: true });
const tsc = local("node_modules/typescript/bin/tsc");
const types = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--stripInternal", "--outDir", local("dist")];
execFileSync(process.execPath, [tsc, "--project", local("."), ...types], { stdio: "inherit" });
// Declarations keep the endings of the sources, which only TypeScript's own sources may have.
for (const name of await readdir(local("dist"))) {
  const file = local(`dist/${name}`);
  await writeFile(file, (await readFile(file, "utf8")).replace(/((?:from |import\()"\.\/[\w-]+)\.ts"/g, '$1.js"'));
}
const text = await bundle();
await writeFile(local("dist/ostro-client.js"), text);
console.log(`dist/ostro-client.js: ${text.length} bytes`);
