// Streams, text streams, and the text encoders.

import harness, { equal, test, throws } from "./harness.js";

const collect = async (stream) => {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
};
const from = (...parts) => new ReadableStream({
  start(controller) {
    for (const part of parts) controller.enqueue(part);
    controller.close();
  },
});
const utf8 = (...numbers) => new Uint8Array(numbers);

test("a stream gives what was put in", async () => equal(await collect(from(1, 2, 3)), [1, 2, 3]));
test("ReadableStream.from an async generator", async () => {
  equal(await collect(ReadableStream.from((async function* () { yield "a"; yield "b"; })())), ["a", "b"]);
});
test("pull is called as wanted", async () => {
  let pulls = 0;
  const stream = new ReadableStream({ pull: (controller) => controller.enqueue(pulls++) }, { highWaterMark: 0 });
  const reader = stream.getReader();
  equal(pulls, 0, "pulls");
  equal([(await reader.read()).value, (await reader.read()).value, pulls], [0, 1, 2]);
});
test("an error reaches the reader", async () => {
  const stream = new ReadableStream({ start: (controller) => controller.error(new RangeError("x")) });
  await throws("RangeError", () => stream.getReader().read());
});
test("cancel reaches the source", async () => {
  let reason;
  const stream = new ReadableStream({ cancel(why) { reason = why; } });
  await stream.cancel("enough");
  equal(reason, "enough");
});
test("a locked stream has one reader", () => {
  const stream = from(1);
  stream.getReader();
  return throws("TypeError", () => stream.getReader());
});
test("tee gives both all", async () => {
  const [one, two] = from("a", "b").tee();
  equal([await collect(one), await collect(two)], [["a", "b"], ["a", "b"]]);
});
test("pipeTo writes and closes", async () => {
  const written = [];
  let closed = false;
  await from(1, 2).pipeTo(new WritableStream({ write: (part) => void written.push(part), close: () => { closed = true; } }));
  equal([written, closed], [[1, 2], true]);
});
test("pipeTo stops at an aborted signal", async () => {
  const controller = new AbortController();
  const endless = new ReadableStream({ pull: (c) => c.enqueue(1) });
  const piped = endless.pipeTo(new WritableStream({ write: () => controller.abort() }), { signal: controller.signal });
  await throws("AbortError", () => piped);
});
test("a writer waits for room", async () => {
  let release;
  const gate = new Promise((resolve) => { release = resolve; });
  const writer = new WritableStream({ write: () => gate }, new CountQueuingStrategy({ highWaterMark: 1 })).getWriter();
  equal(writer.desiredSize, 1);
  const first = writer.write("a");
  equal(writer.desiredSize, 0);
  release();
  await first;
  await writer.ready;
  equal(writer.desiredSize, 1);
});
test("a transform maps and flushes", async () => {
  const double = new TransformStream({ transform: (n, c) => c.enqueue(n * 2), flush: (c) => c.enqueue("end") });
  equal(await collect(from(1, 2).pipeThrough(double)), [2, 4, "end"]);
});
test("an identity transform", async () => equal(await collect(from("x").pipeThrough(new TransformStream())), ["x"]));
test("a transform that throws", async () => {
  const bad = new TransformStream({ transform() { throw new RangeError("no"); } });
  await throws("RangeError", () => collect(from(1).pipeThrough(bad)));
});
test("a byte stream fills the reader's buffer", async () => {
  const stream = new ReadableStream({ type: "bytes", start(c) { c.enqueue(utf8(1, 2, 3, 4, 5)); c.close(); } });
  const reader = stream.getReader({ mode: "byob" });
  const first = await reader.read(new Uint8Array(2));
  const second = await reader.read(new Uint8Array(8));
  equal([[...first.value], [...second.value], (await reader.read(new Uint8Array(1))).done], [[1, 2], [3, 4, 5], true]);
});
test("byte length strategy", () => equal(new ByteLengthQueuingStrategy({ highWaterMark: 9 }).size(utf8(1, 2)), 2));

test("text streams, cut in the middle of a character", async () => {
  const parts = await collect(from(utf8(0x67, 0xc3), utf8(0xbc, 0xf0, 0x9f), utf8(0x8c), utf8(0x8d)).pipeThrough(new TextDecoderStream()));
  equal(parts.join("|"), "g|ü|🌍");
  const bytes = await collect(from("a\ud83c", "\udf0d").pipeThrough(new TextEncoderStream()));
  equal(bytes.map((part) => [...part]), [[0x61], [0xf0, 0x9f, 0x8c, 0x8d]]);
});

for (const [text, numbers] of [
  ["", []],
  ["abc", [0x61, 0x62, 0x63]],
  ["é", [0xc3, 0xa9]],
  ["€", [0xe2, 0x82, 0xac]],
  ["🌍", [0xf0, 0x9f, 0x8c, 0x8d]],
  ["a\u0000b", [0x61, 0, 0x62]],
]) {
  test(`UTF-8 of ${JSON.stringify(text)}`, () => {
    equal([...new TextEncoder().encode(text)], numbers);
    equal(new TextDecoder().decode(utf8(...numbers)), text);
  });
}
test("a lone surrogate is replaced", () => equal([...new TextEncoder().encode("\ud800a")], [0xef, 0xbf, 0xbd, 0x61]));
for (const [numbers, text] of [
  [[0xff], "\ufffd"],
  [[0xc3], "\ufffd"],
  [[0xc3, 0x28], "\ufffd("],
  [[0xe2, 0x82], "\ufffd"],
  [[0xe2, 0x28, 0xa1], "\ufffd(\ufffd"],
  [[0xf0, 0x9f, 0x41], "\ufffdA"],
  [[0xed, 0xa0, 0x80], "\ufffd\ufffd\ufffd"],
  [[0xc0, 0x80], "\ufffd\ufffd"],
  [[0xf4, 0x90, 0x80, 0x80], "\ufffd\ufffd\ufffd\ufffd"],
  [[0x61, 0xf0, 0x90, 0x80, 0x62, 0xc3, 0xa9], "a\ufffdbé"],
]) {
  test(`bytes ${numbers.map((n) => n.toString(16))} are not UTF-8`, async () => {
    equal(new TextDecoder().decode(utf8(...numbers)), text);
    await throws("TypeError", () => new TextDecoder("utf-8", { fatal: true }).decode(utf8(...numbers)));
  });
}
test("a byte order mark", () => {
  equal(new TextDecoder().decode(utf8(0xef, 0xbb, 0xbf, 0x61)), "a");
  equal(new TextDecoder("utf8", { ignoreBOM: true }).decode(utf8(0xef, 0xbb, 0xbf, 0x61)), "\ufeffa");
});
test("decoding in pieces", () => {
  const decoder = new TextDecoder();
  equal(decoder.decode(utf8(0xe2, 0x82), { stream: true }), "");
  equal(decoder.decode(utf8(0xac), { stream: true }), "€");
  equal(decoder.decode(utf8(0xe2)), "\ufffd");
});
test("encodeInto stops at a whole character", () => {
  const into = new Uint8Array(4);
  equal(new TextEncoder().encodeInto("a€€", into), { read: 2, written: 4 });
  equal([...into], [0x61, 0xe2, 0x82, 0xac]);
});
test("other encodings", async () => {
  equal(new TextDecoder("latin1").decode(utf8(0xe9, 0x80)), "é€");
  equal(new TextDecoder("utf-16le").decode(utf8(0x3d, 0xd8, 0x00, 0xde)), "\ud83d\ude00");
  await throws("RangeError", () => new TextDecoder("shift_jis"));
});

export default harness;
