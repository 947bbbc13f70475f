// Every kind of handler, for `tests/js.rs`: the path says what the handler does.

import { context, queue, secrets, waitUntil } from "ostro";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function deep(levels) {
  if (levels === 0) throw new RangeError("as deep as it goes");
  deep(levels - 1);
}

const paths = {
  "/hello": () => new Response("Hello, world!\n"),

  "/request": async (request) =>
    Response.json({
      url: request.url,
      method: request.method,
      header: request.headers.get("x-test"),
      body: await request.text(),
    }),

  "/echo": (request) => new Response(request.body),

  "/upper"(request) {
    const upper = new TransformStream({ transform: (text, controller) => controller.enqueue(text.toUpperCase()) });
    return new Response(request.body.pipeThrough(new TextDecoderStream()).pipeThrough(upper).pipeThrough(new TextEncoderStream()));
  },

  "/ticks"() {
    let count = 0;
    return new Response(new ReadableStream({
      async pull(controller) {
        await sleep(100);
        count += 1;
        controller.enqueue(new TextEncoder().encode(`tick ${count}\n`));
        if (count === 3) controller.close();
      },
    }));
  },

  "/cut": () => new Response(new ReadableStream({
    async pull(controller) {
      controller.enqueue(new TextEncoder().encode("begun\n"));
      await sleep(20);
      throw new Error("the source dried up");
    },
  })),

  "/later"(_request, _env, ctx) {
    ctx.waitUntil(sleep(150).then(() => console.log("later, for ctx")));
    waitUntil(sleep(50).then(() => console.log("later, for the module")));
    ctx.waitUntil(Promise.reject(new Error("nobody waits for this")));
    setTimeout(() => console.log("never: nobody waits for this timer"), 5_000);
    return new Response("now\n");
  },

  "/env": (_request, env) => Response.json({
    greeting: env.GREETING,
    names: Object.keys(env).sort(),
    secret: env.KEY === secrets.get("KEY") ? env.KEY.length : null,
    missing: "NOTHING" in env,
  }),

  "/about": (_request, _env, ctx) => Response.json({
    project: context.project,
    function: ctx.function,
    revision: context.revision,
    invocation: ctx.invocation,
    left: ctx.getRemainingTimeInMillis() > 1000,
  }),

  async "/send"(_request, env) {
    const one = await env.POST.send({ n: 1 }, { dedupeKey: "one" });
    const same = await env.POST.send({ n: 1 }, { dedupeKey: "one" });
    const more = await queue("post").sendBatch([{ body: "text" }, { body: new Uint8Array([1, 2]) }]);
    return Response.json({ same: one === same, more: more.length });
  },

  async "/denied"() {
    const refused = await queue("elsewhere").send("x").catch((error) => error);
    let secret = null;
    try {
      secrets.get("OTHER");
    } catch (error) {
      secret = error;
    }
    return Response.json([refused.code, refused.message, secret?.code, secret?.message]);
  },

  async "/fetch"(request) {
    const to = new URL(request.url).searchParams.get("to");
    const answer = await fetch(to, { method: "POST", body: "ping", headers: { "x-from": "guest" } });
    return new Response(`${answer.status} ${answer.headers.get("x-up")} ${await answer.text()}`);
  },

  async "/fetch-failed"(request) {
    const error = await fetch(new URL(request.url).searchParams.get("to")).catch((error) => error);
    return Response.json([error.name, error.message]);
  },

  "/throw": () => deep(3),
  "/reject": () => Promise.reject(new TypeError("rejected")),
  "/nothing": () => undefined,
  "/never": () => new Promise(() => {}),
  "/forever": () => { for (;;); },
  "/wait": () => sleep(60_000).then(() => new Response("too late")),

  "/log"() {
    const cycle = { a: [1, { b: new Map([["k", 1]]) }] };
    cycle.self = cycle;
    console.log("cycle", cycle);
    console.warn("%s is %d", "five", 5);
    console.error(new Error("shown"));
    return new Response("logged");
  },

  "/random": () => Response.json([Math.random(), crypto.randomUUID()]),
};

export default {
  async fetch(request, env, ctx) {
    const run = paths[new URL(request.url).pathname];
    return run === undefined ? new Response("?", { status: 404 }) : run(request, env, ctx);
  },

  async scheduled(event, env) {
    console.log(`slot ${event.cron} ${new Date(event.scheduledTime).toISOString()} ${event.attempt} ${env.GREETING}`);
    if (event.attempt === 1 && env.GREETING === "fail") throw new Error("not this time");
  },

  async queue(batch) {
    for (const message of batch.messages) {
      const body = message.body instanceof Uint8Array ? `bytes ${[...message.body]}` : JSON.stringify(message.body);
      console.log(`got ${batch.queue} ${body} ${message.attempts}`);
      if (message.body?.retry && message.attempts === 1) message.retry({ delaySeconds: 0 });
      if (message.body?.fail) throw new Error("cannot do that");
    }
  },
};

export async function main(event, ctx) {
  if (event.fail) throw new Error("main failed");
  return { sum: event.a + event.b, function: ctx.function, greeting: ctx.env.GREETING };
}
