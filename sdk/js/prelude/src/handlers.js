// From the user's module to the component's exports.

import { env } from "./env.js";
import { queuedAsync, scheduledAsync } from "./events-in.js";
import { announce, begin, end, failure } from "./invocation.js";
import { hostRequest } from "./request.js";
import { Response, lowerResponse } from "./response.js";
import { installStacks } from "./stack.js";
import { parseForm } from "./search-params.js";
import { URL } from "./url.js";

const INVOKE_PATH = "/_ostro/invoke";
const NONE = "The module exports no handler. Export one of:\n"
  + "  export default { fetch(request, env, ctx) {}, scheduled(event, env, ctx) {}, queue(batch, env, ctx) {} }\n"
  + "  export function fetch(request, env, ctx) {}\n"
  + "  export async function main(event, context) {}";

/** A handler with what `this` is in it, or null: a method of the default export, or an export of that name. */
function find(app, name) {
  const own = app.default;
  if (typeof own === "object" && own !== null && typeof own[name] === "function") return [own[name], own];
  return typeof app[name] === "function" ? [app[name], undefined] : null;
}

/** The event of a call that is a plain request: its JSON body, or its query parameters when it has no body. */
async function eventOf(request) {
  const text = await request.text();
  if (text !== "") return JSON.parse(text);
  const query = new URL(request.url).search.slice(1);
  return Object.fromEntries(parseForm(query));
}

/** Calls `main` with JSON in and JSON out. */
async function callMain([main, self], request, ctx) {
  let event;
  try {
    event = await eventOf(request);
  } catch (error) {
    return Response.json({ error: `The body is not JSON: ${error.message}` }, { status: 400 });
  }
  const result = await main.call(self, event, Object.assign(ctx, { env, request }));
  return result instanceof Response ? result : Response.json(result === undefined ? null : result);
}

/** The function that answers a request of the host's. */
function answerer(app) {
  const fetch = find(app, "fetch");
  const main = find(app, "main");
  if (fetch === null && main === null) return () => new Response("This function has no HTTP handler.\n", { status: 404 });
  if (fetch === null) return (raw, ctx) => callMain(main, hostRequest(raw), ctx);
  const [handler, self] = fetch;
  const plain = (raw, ctx) => handler.call(self, hostRequest(raw), env, ctx);
  if (main === null) return plain;
  return (raw, ctx) => (raw.getPathWithQuery() === INVOKE_PATH ? callMain(main, hostRequest(raw), ctx) : plain(raw, ctx));
}

function checked(response) {
  if (response instanceof Response) return response;
  throw new TypeError(`The fetch handler returned ${response === undefined ? "nothing" : `a ${typeof response}`}: return a Response.`);
}

/** Gives the host's request back, if nobody has taken its body: an instance may serve many. */
function release(raw) {
  try {
    raw[Symbol.dispose]();
  } catch {
    // The body was taken, and the request with it.
  }
}

/** Waits for the body and the background work of an answered invocation. */
async function finish(raw, sent, ctx) {
  try {
    await sent;
  } catch (error) {
    console.error("The response's body failed:", error);
  }
  await end(ctx);
  release(raw);
}

function handlerOf(app) {
  const answer = answerer(app);
  return {
    async handle(raw) {
      const ctx = begin();
      try {
        const [response, sent] = lowerResponse(checked(await answer(raw, ctx)));
        finish(raw, sent, ctx);
        return response;
      } catch (error) {
        const code = failure(error);
        finish(raw, null, ctx);
        throw code;
      }
    },
  };
}

const missing = (what) => ({
  async handle() {
    throw `The module has no ${what} handler.`;
  },
});

/** Makes the component's exports of the user's module. `options.maps` has the source maps of transformed modules. */
export function install(app, options = {}) {
  installStacks(options.maps);
  const handlers = ["fetch", "scheduled", "queue", "main"].filter((name) => find(app, name) !== null);
  if (handlers.length === 0) throw new TypeError(NONE);
  const scheduled = find(app, "scheduled");
  const queue = find(app, "queue");
  announce(handlers);
  return {
    handler: handlerOf(app),
    scheduledAsync: scheduled === null ? missing("scheduled") : scheduledAsync(...scheduled, env),
    queuedAsync: queue === null ? missing("queue") : queuedAsync(...queue, env),
  };
}

