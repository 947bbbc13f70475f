// Messages to channels, as the guest `sdk-script` sends them in Rust.

import { ChannelError, channel } from "ostro";

import harness, { equal, failure, test } from "./harness.js";

test("what is sent is taken", async () => {
  equal(await channel("users/ann").send({ n: 1 }), undefined);
  await channel("news").send("two");
  // Nobody has declared it: nobody hears it.
  await channel("unheard").send(null);
});
test("what goes wrong is said", async () => {
  const denied = await failure(() => channel("rooms/a").send(1));
  equal([denied instanceof ChannelError, denied.name, denied.code], [true, "ChannelError", "denied"]);
  equal(denied.message.includes("channel:rooms/*:send"), true);
  for (const name of ["", "News", "users/", "users/*", "users/a/b"]) {
    equal((await failure(() => channel(name).send(1))).code, "invalid", name);
  }
  equal((await failure(() => channel("news").send("x".repeat(16 << 10)))).code, "invalid");
  for (const message of [undefined, () => {}, 1n]) {
    equal((await failure(() => channel("news").send(message))).name, "TypeError", typeof message);
  }
});

export default harness;
