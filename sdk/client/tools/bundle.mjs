// The client as one minified ES module, as pages load it.

import { build } from "esbuild";
import { fileURLToPath } from "node:url";

/** Gives the text of the module. A warning is a fault. */
export async function bundle() {
  const { outputFiles, warnings } = await build({
    entryPoints: [fileURLToPath(new URL("../src/index.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    // Private names, `Object.hasOwn` and `static` blocks: browsers since 2022.
    target: "es2022",
    platform: "neutral",
    minify: true,
    legalComments: "none",
    write: false,
    logLevel: "warning",
  });
  if (warnings.length > 0) process.exit(1);
  return outputFiles[0].text;
}
