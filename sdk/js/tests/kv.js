// Key-value namespaces, in the shape that Workers have for them.

import { env, kv } from "ostro";

import harness, { equal, failure, test } from "./harness.js";

const words = kv("words");

test("put, get and delete", async () => {
  equal(await words.get("a"), null);
  equal(await words.put("a", "ä"), undefined);
  equal(await words.get("a"), "ä");
  equal(await words.getWithMetadata("a"), { value: "ä", metadata: null });
  await words.delete("a");
  await words.delete("a");
  equal(await words.get("a"), null);
});
test("values of every kind", async () => {
  await words.put("bytes", new Uint8Array([1, 2, 255]).subarray(1));
  equal(Array.from(new Uint8Array(await words.get("bytes", "arrayBuffer"))), [2, 255]);
  await words.put("json", JSON.stringify({ n: 1 }));
  equal(await words.get("json", { type: "json" }), { n: 1 });
  await words.put("stream", new Response("streamed").body);
  equal(await new Response(await words.get("stream", "stream")).text(), "streamed");
  equal((await failure(() => words.put("x", 1))).name, "TypeError");
  equal((await failure(() => words.get("x", "blob"))).name, "TypeError");
});
test("a key is a text", async () => {
  for (const act of [
    () => words.put(undefined, "x"), () => words.get(), () => words.getWithMetadata(null), () => words.delete(), () => words.delete([undefined]),
    () => words.get(["a", undefined]), () => words.increment(), () => words.update(undefined, () => "x"), () => words.put({ id: 1 }, "x"),
    () => words.delete(Promise.resolve("a")), () => words.get(Symbol("a")),
  ]) {
    equal((await failure(act)).name, "TypeError");
  }
  for (const key of ["undefined", "null", "[object Object]"]) equal(await words.get(key), null);
  await words.put(7, "seven");
  equal([await words.get("7"), await words.delete(7)], ["seven", undefined]);
});
test("what is too much is said", async () => {
  equal((await failure(() => words.put("a", "x".repeat(12 << 20)))).name, "RangeError");
  equal((await failure(() => words.get(Array.from({ length: 1001 }, (_, at) => `k${at}`)))).name, "RangeError");
});
test("several at once", async () => {
  await words.put("m1", "1");
  await words.put("m2", "2");
  equal(Array.from(await words.get(["m2", "none", "m1"], "json")), [["m2", 2], ["none", null], ["m1", 1]]);
  await words.delete(["m1", "m2", "none"]);
  equal(await words.get("m1"), null);
});
test("keys in pages, with a prefix", async () => {
  const lists = kv("lists");
  for (const key of ["a", "b", "b/1", "b/2", "b/3", "c"]) await lists.put(key, "x");
  const names = (list) => list.keys.map(({ name }) => name);
  equal(names(await lists.list()), ["a", "b", "b/1", "b/2", "b/3", "c"]);
  equal((await lists.list()).list_complete, true);
  equal(names(await lists.list({ prefix: "b" })), ["b", "b/1", "b/2", "b/3"]);
  const first = await lists.list({ prefix: "b/", limit: 2 });
  equal([names(first), first.list_complete, first.cursor], [["b/1", "b/2"], false, "b/2"]);
  const second = await lists.list({ prefix: "b/", limit: 2, cursor: first.cursor });
  equal([names(second), second.list_complete, second.cursor], [["b/3"], true, undefined]);
  equal(names(await lists.list({ prefix: "d" })), []);
  equal(names(await lists.list({ prefix: "b", cursor: null, limit: "2" })), ["b", "b/1"]);
  equal(names(await lists.list({ prefix: null, cursor: "" })), ["a", "b", "b/1", "b/2", "b/3", "c"]);
  for (const limit of [0, 1.5, 1001, "x"]) equal((await failure(() => lists.list({ limit }))).name, "TypeError");
});
test("numbers and changes", async () => {
  equal(await words.increment("n"), 1);
  equal(await words.increment("n", 41), 42);
  equal(await words.get("n", "json"), 42);
  equal([await words.increment("n", -50), await words.increment("n", 2 ** 53 - 1)], [-8, 2 ** 53 - 9]);
  for (const wrong of [0.5, NaN, "1", 2 ** 53]) equal((await failure(() => words.increment("n", wrong))).name, "TypeError");
  let calls = 0;
  const changed = await words.update("u", async (value) => {
    calls += 1;
    if (calls === 1) await words.put("u", "theirs");
    return `${value} and mine`;
  });
  equal([changed, calls, await words.get("u")], ["theirs and mine", 2, "theirs and mine"]);
  equal((await failure(() => words.update("u", () => { throw new Error("no"); }))).message, "no");
  // What a failed change has looked at is given back: more of it than may be held at once.
  await words.put("large", "x".repeat(1 << 20));
  for (let round = 0; round < 12; round += 1) equal((await failure(() => words.update("large", () => undefined))).name, "TypeError");
});
test("what it has not is said", async () => {
  const error = await failure(() => words.put("a", "x", { expirationTtl: 60 }));
  equal([error.name, error.message.includes("[kv.NAME]")], ["TypeError", true]);
});
test("the binding is the same namespace", async () => {
  await env.WORDS.put("bound", "yes");
  equal([env.WORDS.name, await words.get("bound")], ["words", "yes"]);
});
test("a refusal says where the grant to add is", async () => {
  const error = await failure(() => kv("elsewhere").get("a"));
  equal([error.code, error.message.includes("the grant to add")], ["access-denied", true]);
});

export default harness;
