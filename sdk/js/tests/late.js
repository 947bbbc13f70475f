// Libraries that no word in a program suggests: each comes as a text, with the first request that needs it. So names
// are put together here.

import harness, { equal, test } from "./harness.js";

const name = (end) => ["Readable", "Writable", "Transform"].map((begin) => `${begin}Str${"eam"}${end}`);
const [readable, writable, transform] = name("");
const [controller, writer] = [name("DefaultController")[0], name("DefaultWriter")[1]];

// Some are the program's own before the library is there.
globalThis[writer] = 1;
Object.defineProperty(globalThis, controller, { get: () => 2, configurable: true });
const heir = Object.create(globalThis);
heir[transform] = 3;

test("a class is the same before and after it is there, and has its name", () => {
  const first = globalThis[readable];
  equal(typeof first, "function");
  equal(first === globalThis[readable], true, "the global");
  equal(new Response("x")[`bo${"dy"}`] instanceof first, true, "the response's");
  equal([first.name, globalThis[writable].name], [readable, writable]);
});
test("what the program put in a class's place stays", () => {
  equal([globalThis[writer], globalThis[controller], heir[transform]], [1, 2, 3]);
  equal(globalThis[transform].name, transform);
  const pipe = new globalThis[transform]();
  equal(pipe.writable.getWriter().constructor.name, writer);
});
test("a key without a length", async () => {
  const key = await crypto[`sub${"tle"}`].generateKey({ name: "HMAC", hash: "SHA-512" }, true, ["sign"]);
  equal(key.algorithm.length, 1024);
});

export default harness;
