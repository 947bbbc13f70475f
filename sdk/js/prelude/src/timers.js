// Timers on the host's monotonic clock.
//
// A wait, once begun, cannot be cancelled, and an instance lives until its last wait is over. So long waits are cut in
// slices: a timer that was cleared keeps the instance no longer than the slice.

import { elapsed, requireLive } from "./life.js";
import { waitFor } from "./wit.js";

const FIRST_SLICE_MS = 8;
const LAST_SLICE_MS = 64;
const LONGEST_MS = 2 ** 31 - 1;

// By time, then in the order they were set.
const timers = [];
let lastId = 0;
let wakeAt = Infinity;
let slice = FIRST_SLICE_MS;

function insert(timer) {
  let at = timers.length;
  while (at > 0 && timers[at - 1].at > timer.at) at -= 1;
  timers.splice(at, 0, timer);
}

/** Sees to it that a wait ends when the next timer is due, or earlier. */
function arm() {
  if (timers.length === 0) {
    slice = FIRST_SLICE_MS;
    return;
  }
  const now = elapsed();
  const at = Math.min(timers[0].at, now + slice);
  if (at >= wakeAt) return;
  wakeAt = at;
  slice = Math.min(slice * 2, LAST_SLICE_MS);
  // Never nothing: a wait that is over at once would fire among the promises that are settled already.
  waitFor(Math.max(1, Math.ceil((at - now) * 1e6))).then(() => {
    if (wakeAt === at) wakeAt = Infinity;
    return fire();
  });
}

/** Runs what is due. Between two callbacks the promises that the first settled have their turn. */
async function fire() {
  const now = elapsed();
  while (timers.length > 0 && timers[0].at <= now) {
    const timer = timers.shift();
    if (timer.every !== null) insert({ ...timer, at: now + timer.every });
    try {
      timer.callback(...timer.args);
    } catch (error) {
      console.error("A timer's callback threw:", error);
    }
    await null;
  }
  arm();
}

function add(what, callback, delay, args, repeats) {
  requireLive(what);
  if (typeof callback !== "function") throw new TypeError(`${what}: the first argument is a function.`);
  const number = Number(delay);
  const wait = number >= 0 && number <= LONGEST_MS ? number : number > LONGEST_MS ? 1 : 0;
  lastId += 1;
  insert({ id: lastId, at: elapsed() + wait, every: repeats ? Math.max(wait, 1) : null, callback, args });
  arm();
  return lastId;
}

export const setTimeout = (callback, delay = 0, ...args) => add("setTimeout", callback, delay, args, false);
export const setInterval = (callback, delay = 0, ...args) => add("setInterval", callback, delay, args, true);

export function clearTimeout(id) {
  const at = timers.findIndex((timer) => timer.id === Number(id));
  if (at >= 0) timers.splice(at, 1);
}

/** Forgets all timers: nobody waits for them any more. */
export function clearTimers() {
  timers.length = 0;
}
