// Buckets, in our words and in those of R2.

import { StorageError, env, storage } from "ostro";

import harness, { equal, failure, test } from "./harness.js";

const files = storage.bucket("files");
const keys = ({ objects }) => objects.map(({ key }) => key);

test("put, get, head and delete", async () => {
  equal(await files.get("a"), null);
  const put = await files.put("a", "grüße", { contentType: "text/x-greeting", metadata: { by: "ann" } });
  equal([put.key, put.size, put.contentType, put.metadata, put.uploaded instanceof Date], ["a", 7, "text/x-greeting", { by: "ann" }, true]);
  equal(put.httpEtag, `"${put.etag}"`);
  const found = await files.get("a");
  equal([await found.text(), found.bodyUsed, found.metadata, found.etag === put.etag], ["grüße", true, { by: "ann" }, true]);
  const { size, contentType, body } = await files.head("a");
  equal([size, contentType, body], [7, "text/x-greeting", null]);
  equal([await files.delete("a"), await files.delete("a"), await files.head("a")], [true, false, null]);
});
test("an object may be somebody's", async () => {
  const put = await files.put("owned", "x", { owner: "ann" });
  equal([put.owner, (await files.head("owned")).owner, (await files.get("owned")).owner], ["ann", "ann", "ann"]);
  equal([(await files.copy("owned", "owned-too")).owner, (await files.copy("owned", "given", { owner: "bob" })).owner], ["ann", "bob"]);
  equal([(await files.put("owned", new Blob(["y"]).stream(), { owner: "cyd" })).owner, (await files.put("owned", "x", { owner: null })).owner], ["cyd", undefined]);
  equal((await failure(() => files.put("owned", "z", { owner: "" }))).code, "invalid");
});
test("contents of every kind", async () => {
  await files.put("bytes", new Uint8Array([1, 2, 3]).subarray(1));
  equal(Array.from(new Uint8Array(await (await files.get("bytes")).arrayBuffer())), [2, 3]);
  await files.put("json", JSON.stringify({ n: 1 }));
  equal(await (await files.get("json")).json(), { n: 1 });
  await files.put("blob", new Blob(["x"], { type: "text/x-blob" }));
  equal((await files.head("blob")).contentType, "text/x-blob");
  await files.put("response", new Response("y", { headers: { "content-type": "text/x-response" } }));
  equal([(await files.head("response")).contentType, await (await files.get("response")).text()], ["text/x-response", "y"]);
  await files.put("copy", await files.get("response"));
  equal([(await files.head("copy")).contentType, await (await files.get("copy")).text()], ["text/x-response", "y"]);
  equal([(await files.put("none", null)).size, await (await files.get("none")).text()], [0, ""]);
  // What has no content to give, or nothing but a name for its kind, leaves what is there.
  for (const value of [await files.head("copy"), await files.get("copy", { onlyIf: { etagMatches: "other" } }), undefined, { a: 1 }, Promise.resolve("x")]) {
    equal((await failure(() => files.put("copy", value))).name, "TypeError");
  }
  equal(await (await files.get("copy")).text(), "y");
  equal([(await files.put("empty", await files.get("none"))).size], [0]);
});
test("what is large comes and goes in pieces", async () => {
  const piece = new Uint8Array(300_000).fill(7);
  const stream = new ReadableStream({
    pull(controller) {
      this.count = (this.count ?? 0) + 1;
      if (this.count > 10) controller.close();
      else controller.enqueue(piece);
    },
  });
  equal((await files.put("large", stream, { contentType: "x/y" })).size, 3_000_000);
  const found = await files.get("large");
  let length = 0;
  for await (const chunk of found.body) length += chunk.length;
  equal([length, found.contentType], [3_000_000, "x/y"]);
  equal((await (await files.get("large")).arrayBuffer()).byteLength, 3_000_000);
  const bytes = new Uint8Array(2_500_000).fill(1);
  equal((await files.put("larger", bytes)).size, 2_500_000);
  const failing = new ReadableStream({
    pull(controller) {
      controller.error(new RangeError("cut"));
    },
  });
  equal((await failure(() => files.put("never", failing))).message, "cut");
  equal(await files.head("never"), null);
  // More than may be open at once: what nobody holds any more is closed.
  for (let round = 0; round < 80; round += 1) await files.get("large");
});
test("ranges", async () => {
  await files.put("digits", "0123456789");
  const part = async (range) => {
    const found = await files.get("digits", { range });
    return [await found.text(), found.range];
  };
  equal(await part({ offset: 2, length: 3 }), ["234", { offset: 2, length: 3 }]);
  equal(await part({ offset: 8 }), ["89", { offset: 8, length: 2 }]);
  equal(await part({ suffix: 4 }), ["6789", { offset: 6, length: 4 }]);
  equal(await part({ suffix: 40 }), ["0123456789", { offset: 0, length: 10 }]);
  equal(await part(new Headers({ range: "bytes=1-2" })), ["12", { offset: 1, length: 2 }]);
  equal(await part(new Headers({ range: "bytes=-1" })), ["9", { offset: 9, length: 1 }]);
  equal(await part(new Headers()), ["0123456789", undefined]);
  // What a client sends that is no range is none (RFC 9110, 14.1.1 and 14.2), and what is too much is all there is.
  for (const range of ["bytes=5-2", "bytes=-", "bytes=x-1", "bytes=0-1,3-4", "pages=1-2"]) {
    equal(await part(new Headers({ range })), ["0123456789", undefined], range);
  }
  const many = "9".repeat(30);
  equal(await part(new Headers({ range: `bytes=7-${many}` })), ["789", { offset: 7, length: 3 }]);
  equal((await part(new Headers({ range: `bytes=${many}-` })))[0], "");
  equal((await part(new Headers({ range: `bytes=-${many}` })))[0], "0123456789");
});
test("conditions", async () => {
  const { etag } = await files.put("c", "one");
  const changed = await failure(() => files.put("c", "two", { ifNoneMatch: "*" }));
  equal([changed instanceof StorageError, changed.name, changed.code], [true, "StorageError", "changed"]);
  equal((await failure(() => files.put("c", "two", { ifMatch: "other" }))).code, "changed");
  equal(await files.put("c", "two", { onlyIf: { etagMatches: "other" } }), null);
  equal((await files.put("c", "two", { ifMatch: etag })).size, 3);
  const kept = await files.head("c");
  const same = await files.get("c", { onlyIf: { etagDoesNotMatch: kept.etag } });
  equal([same.body, same.size], [null, 3]);
  equal(await (await files.get("c", { onlyIf: { etagMatches: kept.httpEtag } })).text(), "two");
  equal((await failure(() => files.get("c", { ifMatch: etag }))).code, "changed");
  equal((await failure(() => files.delete("c", { ifMatch: etag }))).code, "changed");
});
test("conditions of R2 hold or are refused", async () => {
  const { etag, httpEtag } = await files.put("r2c", "one");
  const put = (onlyIf) => files.put("r2c", "two", { onlyIf });
  const headers = (all) => new Headers(all);
  for (const onlyIf of [{ etagMatch: etag }, { uploadedBefore: new Date() }, { uploadedAfter: new Date(0) }, "x", 5, [etag], { etagMatches: undefined }, new Request("http://a/"), headers({ "if-unmodified-since": "Sat, 29 Oct 1994 19:43:31 GMT" })]) {
    const error = await failure(() => put(onlyIf));
    equal([error.name, error.message.includes("onlyIf")], ["TypeError", true], error.message);
  }
  for (const not of [{ "if-match": '"other"' }, { "if-match": '"a", "b"' }, { "if-match": `W/${httpEtag}` }, { "if-none-match": "*" }]) {
    equal(await put(headers(not)), null);
  }
  equal(await (await files.get("r2c")).text(), "one");
  const all = headers({ "if-match": httpEtag, "if-unmodified-since": "Sat, 29 Oct 1994 19:43:31 GMT", "if-modified-since": "Sat, 29 Oct 1994 19:43:31 GMT" });
  equal([(await put(all)).size, await (await files.get("r2c")).text()], [3, "two"]);
  equal((await put(headers({ accept: "*/*" }))).size, 3);
  const kept = await files.head("r2c");
  const text = async (onlyIf) => {
    const found = await files.get("r2c", { onlyIf });
    return found.body === null ? null : found.text();
  };
  for (const tags of [kept.httpEtag, `"x", W/${kept.httpEtag}`, "*"]) equal(await text(headers({ "if-none-match": tags })), null, tags);
  equal([await text(headers({ "if-none-match": '"x"' })), await text(headers({ "if-none-match": '"x","y"', "if-match": "*" }))], ["two", "two"]);
  equal([await text(headers({ "if-match": `"x", ${kept.httpEtag}` })), await text(headers({ "if-match": '"x"' }))], ["two", null]);
  equal([await text({ etagDoesNotMatch: kept.etag }), await text({ etagMatches: "*" }), await text({})], [null, "two", "two"]);
  const [before, after] = [new Date(kept.uploaded.getTime() - 1), new Date(kept.uploaded.getTime() + 1)];
  equal([await text({ uploadedBefore: after }), await text({ uploadedBefore: before })], ["two", null]);
  equal([await text({ uploadedAfter: before }), await text({ uploadedAfter: after })], ["two", null]);
  const since = { "if-modified-since": new Date(kept.uploaded.getTime() + 2000).toUTCString() };
  equal([await text(headers(since)), await text(headers({ ...since, "if-none-match": '"x"' }))], [null, "two"]);
  const old = { "if-unmodified-since": "Sat, 29 Oct 1994 19:43:31 GMT" };
  equal([await text(headers(old)), await text(headers({ ...old, "if-match": "*" })), await text(headers({ "if-modified-since": "?" }))], [null, "two", "two"]);
  equal((await failure(() => text({ etagMatch: etag }))).message.includes("etagMatch"), true);
});
test("a key is a text", async () => {
  for (const act of [
    () => files.put(undefined, "x"), () => files.get(), () => files.head(null), () => files.delete(undefined), () => files.delete(["none", undefined]),
    () => files.put({ key: "a" }, "x"), () => files.delete(Promise.resolve("a")), () => files.copy("digits"), () => files.signedUrl(),
  ]) {
    equal((await failure(act)).name, "TypeError");
  }
  equal(await files.head("none") === null, false);
  equal([(await files.put(7, "x")).key, await files.delete(7)], ["7", true]);
});
test("lists in pages", async () => {
  for (const key of ["l/a", "l/b", "l/c", "l"]) await files.put(key, key);
  equal(keys(await files.list({ prefix: "l/" })), ["l/a", "l/b", "l/c"]);
  const first = await files.list({ prefix: "l/", limit: 2 });
  equal([keys(first), first.truncated, typeof first.cursor], [["l/a", "l/b"], true, "string"]);
  const second = await files.list({ prefix: "l/", limit: 2, cursor: first.cursor });
  equal([keys(second), second.truncated, second.cursor], [["l/c"], false, undefined]);
  await files.delete(["l/a", "l/b", "none"]);
  equal(keys(await files.list({ prefix: "l/" })), ["l/c"]);
  equal((await failure(() => files.list({ delimiter: "/" }))).name, "TypeError");
});
test("copies", async () => {
  await files.put("from", "x", { metadata: { a: "1" } });
  equal((await files.copy("from", "to")).metadata, { a: "1" });
  equal((await files.copy("from", "to", { bucket: "others", contentType: "x/y" })).contentType, "x/y");
  equal(await (await storage.bucket("others").get("to")).text(), "x");
  equal(await files.copy("nothing", "to"), null);
  // A binding that is not there is not this bucket.
  for (const bucket of [env.NONE, null]) equal((await failure(() => files.copy("from", "from2", { bucket }))).name, "TypeError");
  equal([await files.head("from2"), (await files.copy("from", "from2", undefined)).key], [null, "from2"]);
  equal((await files.copy("from", "from2", { contentType: "x/c" })).contentType, "x/c");
});
test("signed URLs", async () => {
  equal((await files.signedUrl("a", { expiresIn: 60 })).startsWith("/_ostro/"), true);
  equal((await files.signedUrl("a", { method: "PUT", maxBytes: 10 })).startsWith("/_ostro/"), true);
  equal((await failure(() => files.signedUrl("a", { method: "PATCH" }))).code, "invalid");
});
test("R2's words", async () => {
  const options = { httpMetadata: { contentType: "x/z" }, customMetadata: { by: "bob" } };
  await env.FILES.put("r2", "x", options);
  const { httpMetadata, customMetadata } = await env.FILES.head("r2");
  equal([httpMetadata, customMetadata], [options.httpMetadata, options.customMetadata]);
  const headers = new Headers();
  (await env.FILES.get("r2")).writeHttpMetadata(headers);
  equal([headers.get("content-type"), env.FILES.name], ["x/z", "files"]);
  // What would not be kept is not taken.
  const lost = await failure(() => env.FILES.put("r2", "y", { httpMetadata: { contentType: "x/z", contentEncoding: "gzip" } }));
  equal([lost.name, lost.message.includes("contentEncoding")], ["TypeError", true]);
});
test("a refusal names the grant to add", async () => {
  const error = await failure(() => storage.bucket("elsewhere").put("a", "b"));
  equal([error.code, error.message.includes("bucket:elsewhere")], ["denied", true]);
  equal((await failure(() => files.put("", "x"))).code, "invalid");
});

export default harness;
