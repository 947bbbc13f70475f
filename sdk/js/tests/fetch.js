// Headers, Request, Response, bodies, forms and blobs.

import harness, { equal, test, throws } from "./harness.js";

const bytes = (text) => new TextEncoder().encode(text);
const ORIGIN = "http://example.org";
const post = (body, init = {}) => new Request(ORIGIN, { method: "POST", body, ...init });

test("headers are sorted and joined, cookies stay apart", () => {
  const headers = new Headers([["b", "2"], ["Set-Cookie", "x=1"], ["A", "1"], ["b", " 3 "], ["set-cookie", "y=2"]]);
  equal([...headers], [["a", "1"], ["b", "2, 3"], ["set-cookie", "x=1"], ["set-cookie", "y=2"]]);
  equal(headers.getSetCookie(), ["x=1", "y=2"]);
  equal([headers.get("B"), headers.get("none"), headers.has("a")], ["2, 3", null, true]);
  headers.set("b", "4");
  headers.delete("A");
  equal([...headers.keys()], ["b", "set-cookie", "set-cookie"]);
});
for (const [name, value] of [["a b", "x"], ["", "x"], ["a", "x\ny"], ["a", "x\0"], ["a", "\u0100"]]) {
  test(`header ${JSON.stringify([name, value])} is refused`, () => throws("TypeError", () => new Headers([[name, value]])));
}
test("headers take a record", () => equal([...new Headers({ "X-A": 1, b: "é" })], [["b", "é"], ["x-a", "1"]]));

for (const [what, make, type, text] of [
  ["a string", () => "grüße", "text/plain;charset=UTF-8", "grüße"],
  ["bytes", () => bytes("abc"), null, "abc"],
  ["a buffer", () => bytes("abc").buffer, null, "abc"],
  ["a view", () => new Uint16Array([0x6261]), null, "ab"],
  ["a blob", () => new Blob(["ab", bytes("c")], { type: "TEXT/X" }), "text/x", "abc"],
  ["parameters", () => new URLSearchParams({ a: "1 2", b: "ü" }), "application/x-www-form-urlencoded;charset=UTF-8", "a=1+2&b=%C3%BC"],
  ["a stream", () => new Blob(["stream"]).stream(), null, "stream"],
  ["a number", () => 5, "text/plain;charset=UTF-8", "5"],
]) {
  test(`the body is ${what}`, async () => {
    const response = new Response(make());
    equal(response.headers.get("content-type"), type, "type");
    equal(await response.clone().text(), text, "text of the copy");
    equal(response.bodyUsed, false, "used");
    equal(new TextDecoder().decode(await response.arrayBuffer()), text, "text");
    equal(response.bodyUsed, true, "used");
    await throws("TypeError", () => response.text());
    equal(await post(make()).text(), text, "text of a request");
  });
}

test("Response.json", async () => {
  const response = Response.json({ a: [1, "ü"] }, { status: 201, headers: { "x-a": "1" } });
  equal([response.status, response.ok, response.headers.get("content-type"), response.headers.get("x-a")], [201, true, "application/json", "1"]);
  equal(await response.json(), { a: [1, "ü"] });
  await throws("TypeError", () => Response.json(undefined));
});
test("Response.redirect and error", async () => {
  const response = Response.redirect("http://example.org/a b", 303);
  equal([response.status, response.headers.get("location")], [303, "http://example.org/a%20b"]);
  await throws("RangeError", () => Response.redirect("http://x/", 200));
  equal([Response.error().type, Response.error().status], ["error", 0]);
});
for (const status of [199, 600, NaN]) test(`status ${status} is refused`, () => throws("RangeError", () => new Response(null, { status })));
for (const status of [204, 205, 304]) test(`status ${status} has no body`, () => throws("TypeError", () => new Response("", { status })));
test("no body", async () => {
  const response = new Response();
  equal([response.body, await response.text(), response.bodyUsed], [null, "", false]);
});
test("a BOM is left out of text", async () => equal(await new Response("\ufeffa").text(), "\ufeffa") ?? equal(await new Response(bytes("\ufeffa")).text(), "a"));
test("reading the stream uses the body", async () => {
  const response = new Response("abc");
  const reader = response.body.getReader();
  equal(response.bodyUsed, false, "used");
  await reader.read();
  equal(response.bodyUsed, true, "used");
});
test("a locked body is not read", async () => {
  const response = new Response("abc");
  response.body.getReader();
  await throws("TypeError", () => response.text());
});
test("bytes given are copied", async () => {
  const given = bytes("abc");
  const response = new Response(given);
  given[0] = 0;
  equal(await response.text(), "abc");
});

test("a request's parts", () => {
  const request = new Request("http://EXAMPLE.org/a/../b?c#d", { method: "post", headers: { a: "b" }, body: "x" });
  equal([request.url, request.method, request.headers.get("a"), request.redirect], ["http://example.org/b?c#d", "POST", "b", "follow"]);
  const copy = new Request(request, { headers: { c: "d" } });
  equal([copy.method, copy.headers.get("a"), copy.headers.get("c"), request.bodyUsed], ["POST", null, "d", true]);
});
for (const [what, run] of [
  ["a GET with a body", () => new Request(ORIGIN, { body: "x" })],
  ["a relative address", () => new Request("/x")],
  ["the method CONNECT", () => new Request(ORIGIN, { method: "CONNECT" })],
  ["a method with a space", () => new Request(ORIGIN, { method: "A B" })],
  ["a redirect mode of its own", () => new Request(ORIGIN, { redirect: "sometimes" })],
]) {
  test(`${what} is refused`, () => throws("TypeError", run));
}
test("a request and its copy", async () => {
  const request = post("abc");
  const copy = request.clone();
  equal([await request.text(), await copy.text(), copy.method], ["abc", "abc", "POST"]);
});
test("an aborted signal", async () => {
  const controller = new AbortController();
  const request = new Request(ORIGIN, { signal: controller.signal });
  controller.abort(new Error("enough"));
  equal([request.signal.aborted, request.signal.reason.message], [true, "enough"]);
  await throws("AbortError", () => fetch(ORIGIN, { signal: AbortSignal.abort() }));
});

test("a multipart form there and back", async () => {
  const form = new FormData();
  form.append("a", "1\n2");
  form.append('qu"ote', "ü");
  form.append("file", new File([new Uint8Array([0, 255, 13, 10])], "näme.bin", { type: "image/x" }));
  const back = await post(form).formData();
  equal([...back.keys()], ["a", 'qu"ote', "file"]);
  equal([back.get("a"), back.get('qu"ote')], ["1\r\n2", "ü"]);
  const file = back.get("file");
  equal([file.name, file.type, [...await file.bytes()]], ["näme.bin", "image/x", [0, 255, 13, 10]]);
});
test("a multipart form of another sender", async () => {
  const text = '--X\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--X\r\nContent-Disposition: form-data; name="f"; filename=""\r\n'
    + "Content-Type: application/octet-stream\r\n\r\n\r\n--X--\r\nepilogue";
  const form = await post(text, { headers: { "content-type": 'multipart/form-data; charset=utf-8; boundary="X"' } }).formData();
  equal([form.get("a"), form.get("f").name, form.get("f").size], ["1", "", 0]);
});
for (const [what, type, text] of [
  ["no boundary", "multipart/form-data", "--X--"],
  ["no end", "multipart/form-data; boundary=X", '--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'],
  ["another type", "text/plain", "a=1"],
  ["a part without a name", "multipart/form-data; boundary=X", "--X\r\nA: b\r\n\r\n1\r\n--X--"],
]) {
  test(`a form with ${what} is refused`, () => throws("TypeError", () => post(text, { headers: { "content-type": type } }).formData()));
}
test("a urlencoded form", async () => {
  const form = await post(new URLSearchParams([["a", "1"], ["a", "2 ü&"]])).formData();
  equal(form.getAll("a"), ["1", "2 ü&"]);
});
test("form data by name", () => {
  const form = new FormData();
  form.append("a", "1");
  form.append("b", new Blob(["x"]));
  form.append("a", "2");
  form.set("a", 3);
  equal([form.getAll("a"), form.get("b").name, form.has("c"), [...form].length], [["3"], "blob", false, 2]);
  form.delete("a");
  equal([...form.keys()], ["b"]);
});

test("a blob's slices", async () => {
  const blob = new Blob(["hello", " ", new Blob(["world"])], { type: "a/b" });
  equal([blob.size, blob.type, await blob.slice(-5).text(), await blob.slice(1, 3, "c/d").text()], [11, "a/b", "world", "el"]);
  equal(blob.slice(3, 1).size, 0);
});
test("a file", () => {
  const file = new File(["x"], "a.txt", { type: "text/plain", lastModified: 5 });
  equal([file.name, file.size, file.type, file.lastModified, file instanceof Blob], ["a.txt", 1, "text/plain", 5, true]);
});

test("URLSearchParams by name", () => {
  const params = new URLSearchParams("?a=1&b=2&a=3&c&=d&%=%zz&e=%ff");
  equal(params.getAll("a"), ["1", "3"]);
  equal([params.get("c"), params.get(""), params.get("%"), params.get("e"), params.size], ["", "d", "%zz", "\ufffd", 7]);
  params.delete("a", "1");
  params.set("b", "x y");
  params.sort();
  equal(params.toString(), "=d&%25=%25zz&a=3&b=x+y&c=&e=%EF%BF%BD");
});
test("parameters change their address", () => {
  const url = new URL("http://example.org/?a=1#h");
  url.searchParams.append("b", "~'(ü)");
  equal(url.href, "http://example.org/?a=1&b=%7E%27%28%C3%BC%29#h");
  url.search = "?c=d";
  equal([...url.searchParams], [["c", "d"]]);
  url.searchParams.delete("c");
  equal(url.href, "http://example.org/#h");
});

export default harness;
