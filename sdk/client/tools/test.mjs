// Runs the tests under `tests` in Node, whose version need not read TypeScript. Arguments are those of `node --test`. Streams
// that a test leaves open are ended by force: a client opens them again for ever.

import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const local = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const made = local("dist/tests");
const names = (await readdir(local("tests"))).filter((name) => name.endsWith(".test.ts"));
await rm(made, { recursive: true, force: true });
await build({
  entryPoints: names.map((name) => local(`tests/${name}`)),
  outdir: made,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
});
const files = names.map((name) => `${made}/${name.replace(/\.ts$/, ".mjs")}`);
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-force-exit", "--test-timeout=20000", ...process.argv.slice(2), ...files], { stdio: "inherit" });
process.exit(status ?? 1);
