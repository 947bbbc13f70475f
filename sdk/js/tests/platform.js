// Events, abort signals, timers, structuredClone, crypto, random numbers, performance.

import harness, { equal, test, throws } from "./harness.js";

const bytes = (text) => new TextEncoder().encode(text);
const hex = (buffer) => new Uint8Array(buffer).toHex();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test("listeners: once, remove, handleEvent, prevented", () => {
  const target = new EventTarget();
  const seen = [];
  const listener = (event) => seen.push(event.type);
  target.addEventListener("a", listener);
  target.addEventListener("a", listener);
  target.addEventListener("a", () => seen.push("once"), { once: true });
  target.addEventListener("a", { handleEvent: (event) => event.preventDefault() });
  equal(target.dispatchEvent(new Event("a", { cancelable: true })), false);
  target.removeEventListener("a", listener);
  target.dispatchEvent(new CustomEvent("a", { detail: 5 }));
  equal(seen, ["a", "once"]);
});
test("stopImmediatePropagation", () => {
  const target = new EventTarget();
  let count = 0;
  target.addEventListener("a", (event) => { count += 1; event.stopImmediatePropagation(); });
  target.addEventListener("a", () => { count += 1; });
  target.dispatchEvent(new Event("a"));
  equal(count, 1);
});
test("abort", async () => {
  const controller = new AbortController();
  let called = 0;
  controller.signal.onabort = () => { called += 1; };
  const any = AbortSignal.any([controller.signal, new AbortController().signal]);
  controller.abort();
  controller.abort("again");
  equal([called, controller.signal.reason.name, any.aborted, any.reason.name], [1, "AbortError", true, "AbortError"]);
  await throws("AbortError", () => any.throwIfAborted());
});
test("AbortSignal.timeout", async () => {
  const signal = AbortSignal.timeout(5);
  await sleep(30);
  equal([signal.aborted, signal.reason.name], [true, "TimeoutError"]);
});

test("timers fire in order", async () => {
  const order = [];
  setTimeout(() => order.push("b"), 20);
  setTimeout((x) => order.push(x), 1, "a");
  const cleared = setTimeout(() => order.push("never"), 5);
  clearTimeout(cleared);
  setTimeout(() => order.push("c"), 20);
  Promise.resolve().then(() => order.push("microtask"));
  queueMicrotask(() => order.push("queued"));
  await sleep(60);
  equal(order, ["microtask", "queued", "a", "b", "c"]);
});
test("setInterval", async () => {
  let count = 0;
  const id = setInterval(() => { count += 1; if (count === 3) clearInterval(id); }, 2);
  await sleep(80);
  equal(count, 3);
});
test("performance.now goes on", async () => {
  const before = performance.now();
  await sleep(20);
  const passed = performance.now() - before;
  if (!(passed >= 19 && passed < 5000)) throw new Error(`20 ms took ${passed}`);
  if (Math.abs(performance.timeOrigin + performance.now() - Date.now()) > 1000) throw new Error("timeOrigin is elsewhere");
});

test("structuredClone", async () => {
  const value = { a: [1, , 3], d: new Date(5), m: new Map([["k", new Set([1])]]), r: /x/gi, b: new Uint8Array([1, 2]), n: null, u: undefined, big: 5n };
  value.self = value;
  const copy = structuredClone(value);
  equal([copy.self === copy, copy.d.getTime(), [...copy.m.get("k")], String(copy.r), [...copy.b], 1 in copy.a, "u" in copy, copy.big === 5n], [true, 5, [1], "/x/gi", [1, 2], false, true, true]);
  const error = structuredClone(new RangeError("x", { cause: 1 }));
  equal([error instanceof RangeError, error.message, error.cause], [true, "x", 1]);
  await throws("DataCloneError", () => structuredClone(() => {}));
  await throws("DataCloneError", () => structuredClone({ s: Symbol("x") }));
});
test("structuredClone transfers", () => {
  const buffer = new ArrayBuffer(8);
  const copy = structuredClone(buffer, { transfer: [buffer] });
  equal([buffer.byteLength, copy.byteLength], [0, 8]);
});

for (const [algorithm, text, expected] of [
  ["SHA-1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  ["SHA-256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["SHA-256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ["SHA-384", "abc", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"],
  ["SHA-512", "abc", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"],
]) {
  test(`${algorithm} of "${text}"`, async () => equal(hex(await crypto.subtle.digest({ name: algorithm.toLowerCase() }, bytes(text))), expected));
}
// RFC 4231, test case 2.
for (const [hash, expected] of [
  ["SHA-256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"],
  ["SHA-512", "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"],
]) {
  test(`HMAC with ${hash}`, async () => {
    const key = await crypto.subtle.importKey("raw", bytes("Jefe"), { name: "HMAC", hash }, true, ["sign", "verify"]);
    const data = bytes("what do ya want for nothing?");
    const signature = await crypto.subtle.sign("HMAC", key, data);
    equal(hex(signature), expected);
    equal(await crypto.subtle.verify("HMAC", key, signature, data), true);
    equal(await crypto.subtle.verify("HMAC", key, signature, bytes("other")), false);
    equal((await crypto.subtle.exportKey("jwk", key)).k, "SmVmZQ");
  });
}
test("HMAC keys are as long as a block of their hash", async () => {
  for (const [hash, length] of [["SHA-1", 512], ["SHA-256", 512], ["SHA-384", 1024], ["SHA-512", 1024]]) {
    const key = await crypto.subtle.generateKey({ name: "HMAC", hash }, true, ["sign", "verify"]);
    equal([key.algorithm.length, (await crypto.subtle.exportKey("raw", key)).byteLength * 8], [length, length], hash);
    const signature = await crypto.subtle.sign("HMAC", key, bytes("x"));
    equal(await crypto.subtle.verify("HMAC", key, signature, bytes("x")), true, hash);
  }
  const short = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 128 }, true, ["sign"]);
  equal(short.algorithm.length, 128);
});
test("keys are for what they are for", async () => {
  const key = await crypto.subtle.importKey("raw", bytes("k"), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  await throws("InvalidAccessError", () => crypto.subtle.sign("HMAC", key, bytes("x")));
  await throws("InvalidAccessError", () => crypto.subtle.exportKey("raw", key));
  await throws("NotSupportedError", () => crypto.subtle.digest("MD5", bytes("x")));
  await throws("NotSupportedError", () => crypto.subtle.encrypt({ name: "AES-GCM" }, key, bytes("x")));
});
test("random values", async () => {
  const uuid = crypto.randomUUID();
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid)) throw new Error(uuid);
  const words = crypto.getRandomValues(new Uint32Array(64));
  equal(new Set(words).size > 60, true, "different words");
  await throws("QuotaExceededError", () => crypto.getRandomValues(new Uint8Array(65537)));
  await throws("TypeMismatchError", () => crypto.getRandomValues(new Float64Array(1)));
  const numbers = Array.from({ length: 1000 }, () => Math.random());
  const mean = numbers.reduce((sum, number) => sum + number, 0) / 1000;
  equal([numbers.every((n) => n >= 0 && n < 1), mean > 0.4 && mean < 0.6], [true, true]);
});
test("base64", async () => {
  equal([btoa("\xff\x00"), atob("/wA=")], ["/wA=", "\xff\x00"]);
  await throws("InvalidCharacterError", () => btoa("\u0100"));
});
test("globals", () => equal([self === globalThis, navigator.userAgent], [true, "Ostro"]));

export default harness;
