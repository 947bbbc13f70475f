// The globals of the web platform.

import { Blob, File } from "./blob.js";
import { structuredClone } from "./clone.js";
import { console } from "./console.js";
import { Crypto, CryptoKey, SubtleCrypto } from "./crypto.js";
import { AbortController, AbortSignal, CustomEvent, Event, EventTarget } from "./events.js";
import { fetch } from "./fetch.js";
import { FormData } from "./form-data.js";
import { Headers } from "./headers.js";
import { Performance } from "./life.js";
import { part, whenReady } from "./parts.js";
import { random } from "./random.js";
import { Request } from "./request.js";
import { Response } from "./response.js";
import { URLSearchParams } from "./search-params.js";
import { TextDecoderStream, TextEncoderStream } from "./streams.js";
import { TextDecoder, TextEncoder } from "./text.js";
import { clearTimeout, setInterval, setTimeout } from "./timers.js";
import { URL } from "./url.js";

const define = (name, value, target = globalThis) =>
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });

// The bundler shortens names.
const rename = (name, value) => Object.defineProperty(value, "name", { value: name, configurable: true });

const named = {
  AbortController, AbortSignal, Blob, Crypto, CryptoKey, CustomEvent, Event, EventTarget, File, FormData, Headers,
  Performance, Request, Response, SubtleCrypto, TextDecoder, TextDecoderStream, TextEncoder, TextEncoderStream, URL,
  URLSearchParams, clearTimeout, fetch, setInterval, setTimeout, structuredClone,
};
for (const [name, value] of Object.entries(named)) define(name, rename(name, value));

const STREAMS = [
  "ByteLengthQueuingStrategy", "CountQueuingStrategy", "ReadableByteStreamController", "ReadableStream",
  "ReadableStreamBYOBReader", "ReadableStreamBYOBRequest", "ReadableStreamDefaultController",
  "ReadableStreamDefaultReader", "TransformStream", "TransformStreamDefaultController", "WritableStream",
  "WritableStreamDefaultController", "WritableStreamDefaultWriter",
];
// Until the library is there, a global that brings it. A program may put something of its own in its place.
const getters = new Map(STREAMS.map((name) => [name, () => part("streams")[name]]));
for (const [name, get] of getters) {
  const set = function (value) {
    define(name, value, this ?? globalThis);
  };
  Object.defineProperty(globalThis, name, { get, set, configurable: true, enumerable: false });
}
whenReady("streams", (library) => {
  for (const [name, getter] of getters) {
    const value = rename(name, library[name]);
    const { get, configurable } = Object.getOwnPropertyDescriptor(globalThis, name) ?? {};
    // Where the globals are frozen the getter stays, and gives the same.
    if (get === getter && configurable) define(name, value);
  }
});

define("clearInterval", clearTimeout);
define("console", console);
define("crypto", new Crypto());
define("navigator", Object.freeze({ userAgent: "Ostro", language: "en", hardwareConcurrency: 1 }));
define("performance", new Performance());
define("self", globalThis);
define("reportError", (error) => console.error(error));
Math.random = random;
