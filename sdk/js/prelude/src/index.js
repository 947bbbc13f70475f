// The prelude: the web platform's globals, the exports of `"ostro"`, and what the compiler's modules call.

import "./globals.js";

export { context, env, queue, secrets } from "./env.js";
export { kv } from "./kv.js";
export { install } from "./handlers.js";
export { waitUntil } from "./invocation.js";
export { own } from "./own.js";
export { provide, provideText } from "./parts.js";
