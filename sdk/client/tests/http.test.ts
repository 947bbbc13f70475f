// What is sent again, what is not, and what errors say.

import assert from "node:assert/strict";
import { test } from "node:test";

import { OstroError, createClient } from "../src/index.ts";
import { refuse, serve } from "./server.ts";

const fails = (code: string, status: number) => (error: unknown) => {
  assert.ok(error instanceof OstroError, String(error));
  assert.deepEqual([error.code, error.status], [code, status]);
  return true;
};

test("a read is sent again while it may get better", async (t) => {
  let failures = 2;
  const server = await serve(t, { "db/a/count": (_, response) => (failures-- > 0 ? refuse(response, 503, "busy") : { count: 3 }) });
  assert.equal(await server.client().db.collection("a").countDocuments(), 3);
  assert.equal(server.asked.length, 3);
});

test("attempts come to an end, and the last error is told", async (t) => {
  const server = await serve(t, { "db/": (_, response) => refuse(response, 503, "busy") });
  await assert.rejects(server.client().db.collection("a").countDocuments(), fails("busy", 503));
  assert.equal(server.asked.length, 3);
});

test("a write is sent once, whatever became of it", async (t) => {
  const server = await serve(t, {
    "db/a/insert": (_, response) => refuse(response, 503, "busy"),
    "db/b/insert": (_, response) => void response.destroy(),
    "functions/": (_, response) => refuse(response, 503, "busy"),
  });
  const { db, functions } = server.client();
  await assert.rejects(db.collection("a").insertOne({}), fails("busy", 503));
  await assert.rejects(db.collection("b").insertOne({}), fails("network", 0));
  await assert.rejects(functions.invoke("pay", {}), fails("busy", 503));
  assert.equal(server.asked.length, 3);
  await assert.rejects(functions.invoke("look", {}, { idempotent: true }), fails("busy", 503));
  assert.equal(server.of("functions/look").length, 3);
});

test("a refusal is not sent again", async (t) => {
  const server = await serve(t, { "db/": (_, response) => refuse(response, 403, "forbidden") });
  await assert.rejects(server.client().db.collection("a").find().toArray(), fails("forbidden", 403));
  assert.equal(server.asked.length, 1);
});

test("retry-after is kept to, and too long a one is told", async (t) => {
  let waits = ["0", "3600"];
  const server = await serve(t, { "db/": (_, response) => refuse(response, 429, "rate", { "retry-after": waits.shift() ?? "" }) });
  await assert.rejects(server.client().db.collection("a").countDocuments(), (error: OstroError) => error.retryAfterMs === 3_600_000);
  assert.equal(server.asked.length, 2);
});

test("an error says what the server says, in either form", async (t) => {
  const server = await serve(t, {
    "db/old": (_, response) => void response.writeHead(422).end(`{"error":{"code":"invalid","message":"no","hint":"do"}}`),
    "db/page": (_, response) => void response.writeHead(500).end("<h1>proxy</h1>"),
    "db/odd": (_, response) => void response.writeHead(200).end("<h1>no JSON</h1>"),
  });
  const { db } = server.client();
  await assert.rejects(db.collection("old").countDocuments(), { code: "invalid", message: "no", hint: "do", status: 422, name: "OstroError" });
  await assert.rejects(db.collection("page").countDocuments(), { code: "unexpected", body: "<h1>proxy</h1>" });
  await assert.rejects(db.collection("odd").countDocuments(), { code: "bad_answer", status: 200 });
});

test("a server that is not there is a network error", async () => {
  const client = createClient("http://127.0.0.1:1", { retry: { attempts: 2, firstMs: 1 } });
  await assert.rejects(client.db.collection("a").countDocuments(), fails("network", 0));
});

test("a signal gives up a request, a pause, and what has not begun", async (t) => {
  const server = await serve(t, { "db/slow": () => new Promise(() => {}), "db/busy": (_, response) => refuse(response, 503, "busy", { "retry-after": "20" }) });
  const { db } = server.client();
  for (const name of ["slow", "busy"]) {
    const reason = new Error("enough");
    const stop = new AbortController();
    const call = db.collection(name).countDocuments({}, { signal: stop.signal });
    setTimeout(() => stop.abort(reason), 30);
    await assert.rejects(call, (error) => error === reason);
  }
  const count = server.asked.length;
  await assert.rejects(db.collection("slow").insertOne({}, { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(server.asked.length, count);
});

test("names cannot lead to another place", async (t) => {
  const server = await serve(t, { "db/": () => ({ count: 0 }), "storage/": () => ({}) });
  const { db, storage } = server.client();
  await db.collection("../auth").countDocuments();
  assert.equal(server.asked[0]?.path, "db/..%2Fauth/count");
  await assert.rejects(async () => db.collection("..").countDocuments(), TypeError);
  await assert.rejects(async () => storage.bucket("a").delete("."), TypeError);
  await assert.rejects(async () => storage.bucket("a").delete(""), TypeError);
  assert.equal(server.asked.length, 1);
});

test("functions are called with JSON", async (t) => {
  const server = await serve(t, {
    "functions/echo": ({ body }) => ({ got: JSON.parse(String(body)) }),
    "functions/none": (_, response) => void response.writeHead(204).end(),
    "functions/fails": (_, response) => void response.writeHead(409).end(`{"left":0}`),
  });
  const { functions } = server.client();
  assert.deepEqual(await functions.invoke("echo", { a: [1] }), { got: { a: [1] } });
  assert.deepEqual(await functions.invoke("echo"), { got: null });
  assert.equal(await functions.invoke("none"), null);
  await assert.rejects(functions.invoke("fails"), { code: "unexpected", status: 409, body: { left: 0 } });
});
