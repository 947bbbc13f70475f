// The life of an instance: while the module is built nothing of the host may be used; then invocations come.

import { monotonicNow } from "./wit.js";

let live = false;
let origin = 0;
let timeOrigin = 0;
const starters = [];

/** Has a function called when the first invocation begins: what depends on the moment must not be in the snapshot. */
export const onLive = (start) => starters.push(start);

/** Begins the life of this instance, if it has not begun. */
export function goLive() {
  if (live) return;
  live = true;
  origin = monotonicNow();
  timeOrigin = Date.now();
  for (const start of starters) start();
}

/** Throws while the module is being built: `what` names what was tried. */
export function requireLive(what) {
  if (live) return;
  throw new Error(`${what} cannot be used while the module is built, which happens once, at deploy: use it in a handler.`);
}

/** Milliseconds since the instance came to life. */
export const elapsed = () => (monotonicNow() - origin) / 1e6;

/** The part of `performance` that makes sense here. */
export class Performance {
  now() {
    return elapsed();
  }
  get timeOrigin() {
    return timeOrigin;
  }
  toJSON() {
    return { timeOrigin };
  }
  get [Symbol.toStringTag]() {
    return "Performance";
  }
}
