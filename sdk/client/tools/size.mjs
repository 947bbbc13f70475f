// Fails when the client has become larger than a page should have to load.

import { brotliCompressSync, gzipSync } from "node:zlib";

import { bundle } from "./bundle.mjs";

/** What the minified module may have, compressed by gzip -9, bytes. */
const MOST = 10_240;

const text = await bundle();
const size = gzipSync(text, { level: 9 }).length;
console.log(`${text.length} bytes minified, ${size} with gzip (${MOST} at most), ${brotliCompressSync(text).length} with brotli`);
if (size > MOST) {
  console.error(`the client is ${size - MOST} bytes too large`);
  process.exit(1);
}
