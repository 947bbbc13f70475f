// node build.mjs OUT WIT: guest.js as a component, by componentize-js. WIT is a folder with WASI's own packages, one file each.
import { componentize } from '@bytecodealliance/componentize-js';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const [out, packages] = process.argv.slice(2);

// The engine was built for one patch release of WASI 0.2. Patch releases only add to each other, and what the engine uses is in
// all of them: the number is all that has to agree.
const ENGINE = '0.2.10';

const wit = join(import.meta.dirname, 'wit');
await rm(wit, { recursive: true, force: true });
await mkdir(join(wit, 'deps'), { recursive: true });
for (const file of await readdir(packages)) {
  const text = await readFile(join(packages, file), 'utf8');
  await writeFile(join(wit, 'deps', file), text.replace(/\b0\.2\.\d+/g, ENGINE));
}
await writeFile(join(wit, 'world.wit'), `package ready:made;\nworld guest { include wasi:http/proxy@${ENGINE}; }\n`);

const source = await readFile(join(import.meta.dirname, 'guest.js'), 'utf8');
const { component } = await componentize(source, { witPath: wit, worldName: 'guest', enableFeatures: ['fetch-event'] });
await writeFile(out, component);
