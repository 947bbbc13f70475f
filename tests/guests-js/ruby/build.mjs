// node build.mjs OUT: npm's CRuby as a WASI preview 1 command. The package is made for a JavaScript host that calls into it; merged
// with main.wat (a main function) and host.wat (no such host) it runs by itself: ruby SCRIPT ARGUMENTS…
import { execFile } from 'node:child_process';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const [out] = process.argv.slice(2);
const here = name => join(import.meta.dirname, name);

// The program that main.wat evaluates, stored into memory four bytes at a time: it has no data segments of its own there.
const program = Buffer.from(await readFile(here('main.rb'), 'utf8'));
const padded = Buffer.concat([program, Buffer.alloc(4)]);
const stores = [`(local.set $sizes (call $allocate (i32.const ${padded.length})))`, `(local.set $n (i32.const ${program.length}))`];
for (let at = 0; at < program.length; at += 4) {
  stores.push(`(i32.store offset=${at} (local.get $sizes) (i32.const ${padded.readInt32LE(at)}))`);
}
const main = await readFile(here('main.wat'), 'utf8');
await writeFile(here('main-with-program.wat'), main.replace(';; PROGRAM', stores.join('\n    ')));

const part = (file, name) => [here(file), name];
await promisify(execFile)(process.execPath, [
  here('node_modules/binaryen/bin/wasm-merge'),
  ...part('main-with-program.wat', 'main'),
  ...part('node_modules/@ruby/3.4-wasm-wasi/dist/ruby+stdlib.wasm', 'ruby'),
  ...part('host.wat', 'rb-js-abi-host'),
  ...part('handles.wat', 'canonical_abi'),
  '--rename-export-conflicts', '--enable-bulk-memory', '--enable-bulk-memory-opt', '--enable-sign-ext', '--enable-mutable-globals',
  '--enable-nontrapping-float-to-int', '-o', here('merged.wasm'),
], { maxBuffer: 1 << 26 });
await rename(here('merged.wasm'), out);
