// Messages between pages, by `sdk/client` against a real server: `node channels.mjs URL`. It prints what came of it as JSON.
import { createClient } from "../../sdk/client/dist/ostro-client.js";

const url = process.argv[2];
const [ann, bob, nobody] = [createClient(url), createClient(url), createClient(url)];
const told = {};
const until = async (isSo) => {
  for (const end = Date.now() + 30_000; !isSo(); await new Promise((resolve) => setTimeout(resolve, 10))) {
    if (Date.now() > end) throw new Error(`it did not come: ${JSON.stringify(told)}`);
  }
};

const { id } = await ann.auth.signUp({ email: "ann@example.com", password: "correct horse" });
await bob.auth.signUp({ email: "bob@example.com", password: "correct horse" });

const [heard, refused] = [[], []];
let resets = 0;
const hears = { onMessage: (data) => heard.push(data), onReset: () => (resets += 1) };
const watch = bob.realtime.channel("rooms/a", hears);
bob.realtime.channel(`users/${id}`, { onMessage: () => heard.push("not his"), onError: ({ code }) => refused.push(code) });
nobody.realtime.channel("rooms/a", { onMessage: () => heard.push("not for nobody"), onError: ({ code }) => refused.push(code) });
await until(() => refused.length === 2 && resets === 1);
told.refused = refused;

const at = new Date("2026-05-04T10:00:00Z");
await ann.realtime.send("rooms/a", { from: id, text: "hello", at });
await until(() => heard.length === 1);
told.heard = { ...heard[0], isHers: heard[0].from === id, at: heard[0].at.toISOString(), from: undefined };
told.forged = await bob.realtime.send("rooms/a", { from: id }).catch(({ code, status }) => ({ code, status }));

// Another subscription opens the stream anew: what is sent meanwhile comes as well, once and in order.
const own = [];
for (let n = 0; n < 10; n += 1) {
  if (n === 5) bob.realtime.channel("rooms/b", { onMessage: ({ n }) => own.push(n) });
  await ann.realtime.send("rooms/a", { from: id, n });
}
await until(() => heard.length === 11);
told.inOrder = heard.slice(1).map(({ n }) => n);
await ann.realtime.send("rooms/b", { from: id, n: 11 });
await until(() => own.length === 1);
watch.close();
await ann.realtime.send("rooms/a", { from: id, n: 12 });
await ann.realtime.send("rooms/b", { from: id, n: 13 });
await until(() => own.length === 2);
told.afterClose = heard.length;
told.resets = resets;

console.log(JSON.stringify(told));
process.exit(0);
