// Calls of functions: this one calls itself under another name, `other`.

import { FunctionError, env, functions } from "ostro";

import harness, { equal, failure, test } from "./harness.js";

test("JSON in, JSON out", async () => {
  equal(await functions.invoke("other", { a: [1, "ä"] }), { event: { a: [1, "ä"] }, trigger: "function" });
  equal((await functions.invoke("other")).event, null);
  const options = { path: "/echo?x=1", method: "PUT", headers: { "x-test": "seen" } };
  equal(await functions.invoke("other", { b: 2 }, options), { method: "PUT", path: "/echo?x=1", header: "seen", body: '{"b":2}' });
});
test("what goes wrong is said", async () => {
  const failed = await failure(() => functions.invoke("other", { a: 1 }, { path: "/teapot" }));
  equal([failed instanceof FunctionError, failed.name, failed.code, failed.status], [true, "FunctionError", "failed", 418]);
  equal([failed.body, failed.message.includes("418")], [{ short: "stout" }, true]);
  const thrown = await failure(() => functions.invoke("other", null, { path: "/throw" }));
  equal([thrown.code, thrown.status, typeof thrown.reason], ["failed", 500, "string"]);
  const denied = await failure(() => functions.invoke("elsewhere", 1));
  equal([denied.code, denied.message.includes("function:elsewhere")], ["denied", true]);
  equal((await failure(() => functions.invoke("missing", 1))).code, "unknown-function");
  equal((await failure(() => functions.invoke("other", 1, { pth: "/" }))).name, "TypeError");
  equal((await failure(() => functions.invoke("other", 1n))).name, "TypeError");
});
test("a call for later", async () => {
  const job = await functions.send("other", { later: true }, { delaySeconds: 3600, dedupeKey: "once" });
  equal([typeof job, await functions.send("other", { later: true }, { dedupeKey: "once" }) === job], ["string", true]);
  equal((await failure(() => functions.send("other", 1, { headers: { "x-test": "never sent" } }))).name, "TypeError");
});
test("a binding is a service", async () => {
  const { OTHER } = env;
  const answer = await OTHER.fetch("https://any.example/echo?y=2", { method: "POST", headers: { "x-test": "hi" }, body: "text" });
  equal(await answer.json(), { method: "POST", path: "/echo?y=2", header: "hi", body: "text" });
  const again = await OTHER.fetch(new Request("http://x/teapot", { headers: { "x-test": "hi" } }));
  equal([again.status, OTHER.name, (await OTHER.invoke({ c: 3 })).event], [418, "other", { c: 3 }]);
});

export async function main(event, { request }) {
  return { event, trigger: request.headers.get("ostro-trigger") };
}

export default {
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    if (pathname === "/teapot") return Response.json({ short: "stout" }, { status: 418 });
    if (pathname === "/throw") throw new Error("no");
    if (pathname !== "/echo") return harness.fetch(request);
    return Response.json({ method: request.method, path: pathname + search, header: request.headers.get("x-test"), body: await request.text() });
  },
};
