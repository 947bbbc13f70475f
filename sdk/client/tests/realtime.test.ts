// Streams of changes: what is cut goes on where it was, what may have been missed is said, and queries stay as they are.

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";

import { EventParser } from "../src/event-stream.ts";
import type { Change, OstroError, Snapshot } from "../src/index.ts";
import { LiveList } from "../src/live.ts";
import { ANN, type Answer, type Server, jsonOf, refuse, serve, session, until } from "./server.ts";

interface Streams extends Server {
  /** The streams that were opened, in order. */
  streams: ServerResponse[];
}

async function streaming(t: TestContext, more: Record<string, Answer> = {}): Promise<Streams> {
  const streams: ServerResponse[] = [];
  const server = await serve(t, {
    realtime(_, response) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      streams.push(response);
    },
    ...more,
  });
  return Object.assign(server, { streams });
}

const event = (name: string, data: object, id?: string) => `event: ${name}\ndata: ${JSON.stringify(data)}\n${id === undefined ? "" : `id: ${id}\n`}\n`;

test("the parser reads events however they are cut", () => {
  const text = ": hi\n\nevent: insert\r\ndata: {\"a\":1}\r\nid: 7\r\n\r\ndata: one\ndata:two\n\nid: 8\n\nretry: 20\nevent: x\ndata\n\nevent: cut";
  const whole = [
    { event: "message", data: null, id: undefined },
    { event: "insert", data: '{"a":1}', id: "7" },
    { event: "message", data: "one\ntwo", id: "7" },
    { event: "message", data: null, id: "8" },
    { event: "x", data: "", id: "8" },
  ];
  for (let size = 1; size <= text.length; size += 1) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
    assert.deepEqual(events.filter(({ data, id }) => data !== null || id !== undefined), whole.slice(1), `pieces of ${size}`);
    assert.equal(parser.retryMs, 20);
  }
});

test("changes come to those who asked for them, over one stream", async (t) => {
  const server = await streaming(t);
  const { db, realtime } = server.client();
  const seen: unknown[] = [];
  const users = db.collection("users").watch({ age: { $gt: 18 } }, { onChange: (change) => seen.push(change), onReset: () => seen.push("read") });
  realtime.channel<{ text: string }>("room", { onMessage: ({ text }) => seen.push(text) });
  await until(() => server.streams.length === 1);
  assert.deepEqual(jsonOf(server.asked[0]), { subscriptions: [{ id: "1", collection: "users", filter: { age: { $gt: 18 } } }, { id: "2", channel: "room" }] });
  assert.equal(server.asked[0]?.headers["last-event-id"], undefined);
  const stream = server.streams[0];
  stream?.write(event("insert", { subscription: "1", document: { _id: "a", born: { $date: 5 } } }, "1"));
  stream?.write(event("delete", { subscription: "1", id: "a" }, "2"));
  stream?.write(event("message", { subscription: "2", data: { text: "hello" } }, "3"));
  stream?.write(event("insert", { subscription: "9", document: { _id: "b" } }, "4"));
  await until(() => seen.length === 4);
  assert.deepEqual(seen, ["read", { type: "insert", id: "a", document: { _id: "a", born: new Date(5) } }, { type: "delete", id: "a", document: undefined }, "hello"]);
  users.close();
  await until(() => server.streams.length === 2);
  assert.deepEqual(jsonOf(server.asked[1]), { subscriptions: [{ id: "2", channel: "room" }] });
  assert.equal(server.asked[1]?.headers["last-event-id"], "4");
});

test("a message is sent once, to the channel of that name", async (t) => {
  const server = await serve(t, { "channels/": ({ path }, response) => void (path.endsWith("busy") ? refuse(response, 429, "rate", { "retry-after": "1" }) : response.writeHead(202).end()) });
  const { realtime } = server.client();
  await realtime.send("rooms/a:b", { at: new Date(5), left: undefined });
  await realtime.send("news", null);
  assert.deepEqual(server.asked.map(({ method, path }) => `${method} ${path}`), ["POST channels/rooms/a%3Ab", "POST channels/news"]);
  assert.deepEqual(server.asked.map(jsonOf), [{ at: { $date: 5 } }, null]);
  await assert.rejects(realtime.send("busy", 1), { code: "rate", status: 429, retryAfterMs: 1000 });
  assert.equal(server.of("channels/busy").length, 1);
  for (const name of ["", "rooms/", "/a", "rooms/.."]) assert.throws(() => realtime.send(name, 1), TypeError);
});

test("a stream that is cut goes on behind the last event", async (t) => {
  const server = await streaming(t);
  const seen: string[] = [];
  let resets = 0;
  server.client().db.collection("a").watch({}, { onChange: (change) => seen.push(change.id), onReset: () => (resets += 1) });
  await until(() => server.streams.length === 1);
  server.streams[0]?.write(event("insert", { subscription: "1", document: { _id: "x" } }, "41"));
  await until(() => seen.length === 1);
  // Half an event: it is not told, and its id is not taken for done.
  server.streams[0]?.write("event: insert\nid: 42\ndata: {");
  server.streams[0]?.destroy();
  await until(() => server.streams.length === 2);
  assert.equal(server.asked[1]?.headers["last-event-id"], "41");
  server.streams[1]?.write(event("insert", { subscription: "1", document: { _id: "y" } }, "42"));
  server.streams[1]?.write(event("reset", { subscription: "1" }, "43"));
  await until(() => resets === 2);
  assert.deepEqual(seen, ["x", "y"]);
});

test("what was cut before any id was told is to be read again", async (t) => {
  const server = await streaming(t);
  let resets = 0;
  server.client().db.collection("a").watch({}, { onChange() {}, onReset: () => (resets += 1) });
  await until(() => resets === 1);
  server.streams[0]?.end();
  await until(() => resets === 2);
  assert.equal(server.asked[1]?.headers["last-event-id"], undefined);
});

test("a stream that says nothing is taken for broken; comments are a sign of life", async (t) => {
  const server = await streaming(t);
  server.client({ silenceMs: 500 }).db.collection("a").watch({}, { onChange() {} });
  await until(() => server.streams.length === 1);
  const beats = setInterval(() => server.streams[0]?.write(": alive\n\n"), 40);
  await new Promise((resolve) => setTimeout(resolve, 1200));
  assert.equal(server.streams.length, 1);
  clearInterval(beats);
  await until(() => server.streams.length === 2);
});

test("a busy server is asked again, a refusal is told", async (t) => {
  let busy = 2;
  const server = await streaming(t, { realtime: (_, response) => (busy-- > 0 ? refuse(response, 503, "busy") : refuse(response, 403, "forbidden")) });
  const errors: string[] = [];
  server.client().db.collection("a").watch({}, { onChange() {}, onError: ({ code }) => errors.push(code) });
  await until(() => errors.length === 1);
  assert.deepEqual(errors, ["forbidden"]);
  assert.equal(server.asked.length, 3);
});

test("one subscription may be refused, the others go on", async (t) => {
  const server = await streaming(t);
  const { db } = server.client();
  const errors: OstroError[] = [];
  const seen: Change<unknown>[] = [];
  db.collection("a").watch({}, { onChange() {}, onError: (error) => errors.push(error) });
  db.collection("b").watch({}, { onChange: (change) => seen.push(change) });
  await until(() => server.streams.length === 1);
  server.streams[0]?.write(event("error", { subscription: "1", error: { code: "forbidden", detail: "no" } }));
  server.streams[0]?.write(event("delete", { subscription: "2", id: "x" }));
  await until(() => seen.length === 1);
  assert.deepEqual(errors.map(({ code, message }) => [code, message]), [["forbidden", "no"]]);
});

test("somebody else's stream begins anew, without what the first one had", async (t) => {
  let user = ANN;
  const server = await streaming(t, { "auth/sign-in": () => session(user === ANN ? 1 : 2, 900, user) });
  const { auth, db } = server.client();
  await auth.signIn({ email: "a", password: "b" });
  let resets = 0;
  const watch = db.collection("a").watch({}, { onChange() {}, onReset: () => (resets += 1) });
  await until(() => resets === 1);
  server.streams[0]?.write(event("delete", { subscription: "1", id: "x" }, "5"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  user = { ...ANN, id: "u2" };
  await auth.signIn({ email: "a", password: "b" });
  await until(() => resets === 2);
  const [first, second] = server.of("realtime").map(({ headers }) => [headers.authorization, headers["last-event-id"]]);
  assert.deepEqual([first, second], [["Bearer access-1", undefined], ["Bearer access-2", undefined]]);
  watch.close();
});

test("a closed watch hears nothing and keeps no stream", async (t) => {
  const server = await streaming(t);
  const stop = new AbortController();
  let isClosed = false;
  server.client().db.collection("a").watch({}, { onChange() {} }, { signal: stop.signal });
  await until(() => server.streams.length === 1);
  server.streams[0]?.on("close", () => (isClosed = true));
  stop.abort();
  await until(() => isClosed);
  assert.equal(server.asked.length, 1);
});

test("a query is kept as it is: read once, then changed by what is told", async (t) => {
  let documents: object[] = [{ _id: "a", n: 1 }, { _id: "c", n: 3 }];
  const server = await streaming(t, { "db/": () => ({ documents }) });
  const shots: Snapshot<{ _id: string }>[] = [];
  const watch = server.client().db.collection("t").where({ n: { $gt: 0 } }).orderBy("n").limit(3).watch({ onChange: (shot) => shots.push(shot) });
  const ids = () => shots.at(-1)?.docs.map(({ _id }) => _id).join("");
  await until(() => shots.length === 1);
  assert.deepEqual([shots[0]?.type, ids()], ["init", "ac"]);
  const [stream] = server.streams;
  stream?.write(event("insert", { subscription: "1", document: { _id: "b", n: 2 } }, "1") + event("update", { subscription: "1", document: { _id: "a", n: 9 } }, "2"));
  await until(() => shots.length === 2);
  assert.deepEqual([shots[1]?.type, ids(), shots[1]?.changes.length], ["change", "bca", 2]);
  stream?.write(event("insert", { subscription: "1", document: { _id: "d", n: 4 } }, "3"));
  await until(() => ids() === "bcd");
  assert.equal(server.of("db/").length, 1);
  // Which one moves up is not known.
  documents = [{ _id: "b", n: 2 }, { _id: "d", n: 4 }, { _id: "e", n: 5 }];
  stream?.write(event("delete", { subscription: "1", id: "c" }, "4"));
  await until(() => ids() === "bde");
  assert.deepEqual([shots.at(-1)?.type, server.of("db/").length], ["init", 2]);
  watch.close();
});

test("a query that may not be read ends its watch", async (t) => {
  const server = await streaming(t, { "db/": (_, response) => refuse(response, 403, "forbidden") });
  const errors: unknown[] = [];
  server.client().db.collection("t").doc("a").watch({ onChange: () => assert.fail(), onError: (error) => errors.push(error) });
  await until(() => errors.length === 1);
  assert.equal((errors[0] as OstroError).code, "forbidden");
});

/** Documents by age, as the server has them, and the window of them that a query shows. */
test("a window that follows changes shows what the server would, or says that it cannot know", () => {
  let state = 7;
  const random = (below: number) => (state = (state * 48271) % 2147483647) % below;
  let [known, unknown] = [0, 0];
  for (let round = 0; round < 3000; round += 1) {
    const direction = random(2) === 0 ? 1 : -1;
    const sort: [string, 1 | -1][] = random(4) === 0 ? [] : [["n", direction]];
    const limit = 1 + random(5);
    // Oldest first.
    let all = Array.from({ length: random(7) }, (_, at) => ({ _id: `d${at}`, n: random(4) }));
    const window = () => {
      const last = sort.length === 0 ? 1 : direction;
      const aged = all.map((document, age) => ({ document, age }));
      aged.sort((a, b) => (sort.length === 0 ? 0 : (a.document.n - b.document.n) * direction) || (a.age - b.age) * last);
      return aged.slice(0, limit).map(({ document }) => document);
    };
    const list = new LiveList(window(), { sort, limit });
    for (let step = 0; step < 6; step += 1) {
      const one = all[random(Math.max(all.length, 1))];
      const what = one === undefined ? 0 : random(3);
      let effect: string;
      if (what === 0) {
        const document = { _id: `n${step}`, n: random(4) };
        all = [...all, document];
        effect = list.apply({ type: "insert", id: document._id, document });
      } else if (what === 1) {
        const document = { _id: one?._id ?? "", n: random(4) };
        all = all.map((other) => (other._id === document._id ? document : other));
        effect = list.apply({ type: "update", id: document._id, document });
      } else {
        all = all.filter((other) => other !== one);
        effect = list.apply({ type: "delete", id: one?._id ?? "" });
      }
      if (effect === "stale") {
        unknown += 1;
        break;
      }
      known += 1;
      assert.deepEqual(list.documents, window(), `round ${round}, step ${step}`);
    }
  }
  assert.ok(known > unknown * 2, `${known} known, ${unknown} unknown`);
});
