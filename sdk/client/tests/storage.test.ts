// Contents that are put, whole or in parts, and go on where a connection broke.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import type { Progress } from "../src/index.ts";
import { type Answer, type Server, jsonOf, refuse, serve } from "./server.ts";

const CONTENT = Uint8Array.from({ length: 1000 }, (_, at) => at % 251);

interface Bucket extends Server {
  /** What has arrived of the upload. */
  has(): Buffer;
}

/** Takes uploads in parts, in the words of tus; `fault` may spoil the part of that number. */
async function uploading(t: TestContext, fault: (part: number, take: () => void, response: Parameters<Answer>[1]) => boolean = () => false): Promise<Bucket> {
  let content = Buffer.alloc(0);
  let part = 0;
  const server = await serve(t, {
    "storage/": ({ method }, response) => (method === "POST" ? { upload: "up/1" } : void response.writeHead(200, { etag: '"whole"' }).end()),
    "uploads/up%2F1"({ method, headers, body }, response) {
      response.setHeader("upload-offset", content.length);
      if (method === "HEAD") return void response.end();
      if (Number(headers["upload-offset"]) !== content.length) return refuse(response, 409, "conflict");
      const take = () => {
        content = Buffer.concat([content, body]);
      };
      if (fault((part += 1), take, response)) return;
      take();
      response.writeHead(204, { "upload-offset": content.length, ...(content.length === CONTENT.length && { etag: '"done"' }) });
      response.end();
    },
  });
  return Object.assign(server, { has: () => content });
}

const parts = (server: Server) => server.of("uploads/").filter(({ method }) => method === "PATCH").map(({ headers }) => headers["upload-offset"]);

test("a small content goes at once, with its type and progress", async (t) => {
  const server = await uploading(t);
  const seen: Progress[] = [];
  const file = new File([CONTENT], "a b.png", { type: "image/png" });
  const put = await server.client().storage.bucket("pictures").upload("ann/1.png", file, { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(put, { bucket: "pictures", key: "ann/1.png", size: 1000, etag: "whole" });
  const [asked] = server.asked;
  assert.deepEqual([asked?.method, asked?.path, asked?.headers["content-type"]], ["PUT", "storage/pictures/ann%2F1.png", "image/png"]);
  assert.deepEqual(new Uint8Array(asked?.body ?? []), CONTENT);
  assert.deepEqual(seen, [{ loaded: 1000, total: 1000 }]);
  const { bucket, key } = await server.client().storage.upload(file);
  assert.equal(bucket, "uploads");
  assert.match(key, /^[0-9a-f]{32}\/a b\.png$/);
});

test("a large content goes in parts", async (t) => {
  const server = await uploading(t);
  const seen: number[] = [];
  const begun: string[] = [];
  const options = { partSize: 300, contentType: "text/x", onProgress: ({ loaded }: Progress) => seen.push(loaded), onBegin: (upload: string) => begun.push(upload) };
  assert.equal((await server.client().storage.bucket("b").upload("k", CONTENT, options)).etag, "done");
  assert.deepEqual(new Uint8Array(server.has()), CONTENT);
  assert.deepEqual([seen, begun, parts(server)], [[300, 600, 900, 1000], ["up/1"], ["0", "300", "600", "900"]]);
  const [first] = server.asked;
  assert.deepEqual([first?.path, first?.headers["upload-length"], first?.headers["content-type"]], ["storage/b/k?uploads", "1000", "text/x"]);
  assert.equal(server.asked[1]?.headers["content-type"], "application/offset+octet-stream");
});

test("an upload goes on where it broke, whether the part had arrived or not", async (t) => {
  const server = await uploading(t, (part, take, response) => {
    if (part === 2) return response.destroy(), true;
    if (part === 4) return take(), response.destroy(), true;
    if (part === 5) return refuse(response, 503, "busy"), true;
    return false;
  });
  await server.client().storage.bucket("b").upload("k", CONTENT, { partSize: 300 });
  assert.deepEqual(new Uint8Array(server.has()), CONTENT);
  assert.deepEqual(parts(server), ["0", "300", "300", "600", "900", "900"]);
});

test("another page goes on with an upload", async (t) => {
  const server = await uploading(t, (part, _, response) => part === 3 && (refuse(response, 403, "forbidden"), true));
  const bucket = server.client().storage.bucket("b");
  let name = "";
  await assert.rejects(bucket.upload("k", CONTENT, { partSize: 300, onBegin: (upload) => (name = upload) }), { code: "forbidden" });
  const seen: number[] = [];
  await server.client().storage.bucket("b").upload("k", CONTENT, { partSize: 300, resume: name, onProgress: ({ loaded }) => seen.push(loaded) });
  assert.deepEqual(new Uint8Array(server.has()), CONTENT);
  assert.deepEqual(seen, [600, 900, 1000]);
  assert.equal(server.of("storage/").length, 1);
  await assert.rejects(bucket.upload("k", "short", { resume: name }), { code: "bad_answer" });
});

test("an upload that gets nowhere, and one that is given up, end", async (t) => {
  const server = await uploading(t, (_part, _take, response) => (response.destroy(), true));
  const bucket = server.client().storage.bucket("b");
  await assert.rejects(bucket.upload("k", CONTENT, { partSize: 300 }), { code: "network" });
  assert.equal(parts(server).length, 3);
  const stop = new AbortController();
  const upload = bucket.upload("k", CONTENT, { partSize: 300, signal: stop.signal, onBegin: () => stop.abort() });
  await assert.rejects(upload, { name: "AbortError" });
  assert.equal(parts(server).length, 3);
});

test("objects are read, listed, signed and deleted", async (t) => {
  const server = await serve(t, {
    "storage/b/k": ({ method, headers }, response) => {
      if (method === "DELETE") return void response.writeHead(204).end();
      const range = headers.range === undefined ? {} : { "content-range": "bytes 2-4/1000" };
      response.writeHead(200, { etag: '"e"', "content-type": "text/plain", "content-length": 3, "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT", ...range });
      response.end(method === "HEAD" ? undefined : "abc");
    },
    "storage/b/k?sign": () => ({ url: "/_ostro/objects/b/a?p=1" }),
    "storage/b/none": (_, response) => refuse(response, 404, "not_found"),
    "storage/b/mine": (_, response) => refuse(response, 403, "forbidden"),
    "storage/b?": () => ({ objects: [{ key: "k", size: 3, etag: '"e"', written_ms: 5, content_type: "" }], cursor: "next" }),
  });
  const bucket = server.client().storage.bucket("b");
  const found = await bucket.get("k");
  assert.deepEqual([found?.key, found?.size, found?.etag, found?.contentType, found?.uploaded.toISOString()], ["k", 3, "e", "text/plain", "2026-01-01T00:00:00.000Z"]);
  assert.equal(await found?.text(), "abc");
  for (const [range, header] of [[{ offset: 2, length: 3 }, "bytes=2-4"], [{ offset: 2 }, "bytes=2-"], [{ suffix: 5 }, "bytes=-5"]] as const) {
    assert.equal((await bucket.get("k", { range }))?.size, 1000);
    assert.equal(server.asked.at(-1)?.headers.range, header);
  }
  assert.equal((await bucket.head("k"))?.etag, "e");
  assert.deepEqual([await bucket.get("none"), await bucket.head("none")], [null, null]);
  await assert.rejects(bucket.get("mine"), { code: "forbidden" });
  assert.deepEqual(await bucket.list({ prefix: "a/", limit: 1 }), { objects: [{ key: "k", size: 3, etag: "e", uploaded: new Date(5), contentType: undefined }], truncated: true, cursor: "next" });
  assert.equal(server.asked.at(-1)?.path, "storage/b?prefix=a%2F&limit=1");
  assert.equal(await bucket.signedUrl("k", { method: "PUT", expiresIn: 60 }), `${server.url}/_ostro/objects/b/a?p=1`);
  assert.deepEqual(jsonOf(server.asked.at(-1)), { action: "put", expires: 60 });
  await bucket.delete("k");
});
