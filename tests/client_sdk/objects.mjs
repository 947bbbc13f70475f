// What a page does with objects through `sdk/client`, run by Node against a real server: `node objects.mjs URL`. It prints what came
// of it as JSON.
import { createClient } from "../../sdk/client/dist/ostro-client.js";

const url = process.argv[2];
const [ann, bob] = [createClient(url), createClient(url)];
await ann.auth.signUp({ email: "ann@example.com", password: "correct horse" });
await bob.auth.signUp({ email: "bob@example.com", password: "correct horse" });
const photos = ann.storage.bucket("photos");
const told = {};

const put = await photos.upload("ann/1 é.txt", "0123456789", { contentType: "text/plain" });
const got = await photos.get("ann/1 é.txt");
told.got = { text: await got.text(), type: got.contentType, size: got.size, sameEtag: got.etag === put.etag };
told.range = await (await photos.get("ann/1 é.txt", { range: { offset: 2, length: 3 } })).text();
told.head = (await photos.head("ann/1 é.txt")).size;
told.none = await photos.get("none");
await photos.upload("b", new Blob(["b"], { type: "text/x" }));
const first = await photos.list({ limit: 1 });
const second = await photos.list({ cursor: first.cursor });
told.listed = [first, second].map(({ objects, truncated }) => [...objects.map(({ key }) => key), truncated]);
told.signed = await (await fetch(await photos.signedUrl("b", { expiresIn: 60 }))).text();
await fetch(await photos.signedUrl("c", { method: "PUT" }), { method: "PUT", body: "by URL" });
told.bySignedPut = await (await photos.get("c")).text();

// A content in parts, given up in the middle, and gone on with by its name.
const content = "abcdefghij".repeat(100);
const [stop, seen] = [new AbortController(), []];
let name;
const broken = photos.upload("long", content, {
  partSize: 300,
  signal: stop.signal,
  onBegin: (upload) => (name = upload),
  onProgress: ({ loaded }) => (seen.push(loaded), loaded >= 600 && stop.abort()),
});
told.broken = await broken.then(() => "done", ({ name }) => name);
told.notYet = await photos.get("long");
const resumed = [];
const whole = await photos.upload("long", content, { partSize: 300, resume: name, onProgress: ({ loaded, total }) => resumed.push([loaded, total]) });
told.resumed = { begins: resumed[0][0] >= 300, ends: resumed.at(-1), sameEtag: (await photos.head("long")).etag === whole.etag };
told.whole = (await (await photos.get("long")).text()) === content;
told.again = await photos.upload("long", content, { resume: name }).then(({ size }) => size);

const others = bob.storage.bucket("photos");
told.seenByBob = [await others.get("b"), await others.head("long"), (await others.list()).objects];
const code = ({ code, status }) => [code, status];
told.refused = await Promise.all([
  others.upload("b", "his").catch(code),
  others.signedUrl("b").catch(code),
  others.upload("long", content, { resume: name }).catch(({ status }) => status),
  bob.storage.bucket("closed").list().catch(code),
]);
await others.delete("b");
told.stays = await (await photos.get("b")).text();
await photos.delete("b");
told.deleted = await photos.head("b");
console.log(JSON.stringify(told));
