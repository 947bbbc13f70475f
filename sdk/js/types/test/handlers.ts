// Compiled by `tsc` in a test: every interface is used, and what must not compile is marked so.

import { type Handlers, type KVNamespace, type Queue, context, env as platform, kv, queue, secrets, waitUntil } from "ostro";

interface Env {
  GREETING: string;
  MAIL: Queue<{ to: string }>;
  SESSIONS: KVNamespace;
}

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const id = await env.MAIL.send({ to: url.searchParams.get("to") ?? "" }, { delaySeconds: 5, dedupeKey: "a" });
    // @ts-expect-error: the body of this queue is an object with `to`.
    await env.MAIL.send("text");
    ctx.waitUntil(queue("audit").sendBatch([{ body: "x", contentType: "text" }]));
    const session = await env.SESSIONS.get<{ user: string }>("a", "json");
    const several: Map<string, string | null> = await kv("sessions").get(["a", "b"]);
    const page = await env.SESSIONS.list({ prefix: session?.user, limit: several.size });
    await env.SESSIONS.update("visits", (value) => `${Number(value) + page.keys.length}`);
    // @ts-expect-error: there is no time to live for one key.
    await env.SESSIONS.put("a", "b", { expirationTtl: 60 });
    const left: number = ctx.getRemainingTimeInMillis();
    return Response.json({ id, left, greeting: env.GREETING, secret: secrets.get("KEY") });
  },

  async scheduled(event) {
    const late: number = Date.now() - event.scheduledTime;
    if (event.missed > 0) event.noRetry();
    waitUntil(Promise.resolve(`${event.cron} ${late} ${context.function} ${String(platform.X)}`));
  },

  async queue(batch) {
    for (const message of batch.messages) {
      if (message.attempts > 3) message.retry({ delaySeconds: 60 });
      else message.ack();
      // @ts-expect-error: a message's body is not known to be a string.
      const text: string = message.body;
      void text;
    }
    batch.ackAll();
  },
} satisfies Handlers<Env>;
