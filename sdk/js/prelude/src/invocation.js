// One invocation: what must be done before it is over, and what `ctx` gives the handler.

import { context } from "./env.js";
import { goLive, requireLive } from "./life.js";
import { clearTimers } from "./timers.js";
import { about, failed, log } from "./wit.js";

const running = new Set();
let latest = null;

/** The invocation's object: `waitUntil`, and what a function may know of itself. */
export class Context {
  static name = "Context";
  #pending = [];
  props = {};

  /** Keeps the instance until the promise has settled, after the response too. */
  waitUntil(promise) {
    this.#pending.push(Promise.resolve(promise).catch((error) => console.error("A promise given to waitUntil failed:", error)));
  }

  /** There is no origin behind a function to pass a request on to: an exception is an answer of 500. */
  passThroughOnException() {}

  get project() {
    return context.project;
  }
  get function() {
    return context.function;
  }
  get revision() {
    return context.revision;
  }
  get invocation() {
    return context.invocation;
  }

  /** Milliseconds that the invocation may still take. */
  getRemainingTimeInMillis() {
    return Math.max(0, about().deadlineMs - Date.now());
  }

  /** Waits for what was given to `waitUntil`, also by what waited there. */
  static async settled(ctx) {
    for (let at = 0; at < ctx.#pending.length; at += 1) await ctx.#pending[at];
  }
}

const { settled } = Context;
delete Context.settled;

/** Begins an invocation. */
export function begin() {
  goLive();
  const ctx = new Context();
  running.add(ctx);
  latest = ctx;
  return ctx;
}

/** Ends an invocation when its background work is done. Timers that nobody waits for then do not fire. */
export async function end(ctx) {
  await settled(ctx);
  running.delete(ctx);
  if (running.size === 0) clearTimers();
}

/** `import { waitUntil } from "ostro"`: for the invocation that began last. */
export function waitUntil(promise) {
  requireLive("waitUntil");
  latest.waitUntil(promise);
}

/** Logs what a handler threw, with its stack in the user's source, and gives its first line. */
export function report(error) {
  console.error(error);
  const text = error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${String(error)}`;
  return text.split("\n", 1)[0];
}

/** Reports what a handler threw and makes it the failure that ends an HTTP invocation. */
export const failure = (error) => failed(report(error));

/** Says which handlers there are, to whoever builds the module. */
export const announce = (handlers) => log("info", "ostro:handlers", JSON.stringify({ handlers }));
