// What the platform gives a function: environment, secrets, bindings, queues, and what it may know of itself.

import { KVNamespace } from "./kv.js";
import { requireLive } from "./life.js";
import { bytesOf, isBufferSource, utf8Encode } from "./text.js";
import { about, bindings, getEnvironment, getSecret, refusal, secretNames, sendMessages } from "./wit.js";

const MEDIA_TYPES = {
  json: "application/json",
  text: "text/plain;charset=UTF-8",
  bytes: "application/octet-stream",
};

/** A body's bytes and media type. Without a wish a string is text, bytes are bytes, anything else is JSON. */
function payload(body, wish) {
  const kind = wish ?? (typeof body === "string" ? "text" : isBufferSource(body) ? "bytes" : "json");
  const type = MEDIA_TYPES[kind] ?? String(kind);
  if (isBufferSource(body)) return [bytesOf(body), type];
  if (kind !== "json" && typeof body === "string") return [utf8Encode(body), type];
  if (kind === "bytes") throw new TypeError("queue: contentType is \"bytes\", so the body is an ArrayBuffer or a view of one.");
  const text = JSON.stringify(body);
  if (text === undefined) throw new TypeError("queue: the body has no JSON form.");
  return [utf8Encode(text), type];
}

export function messageOf(body, { contentType, delaySeconds = 0, dedupeKey, orderKey } = {}) {
  const [bytes, type] = payload(body, contentType);
  const delay = Math.round(Number(delaySeconds) * 1000);
  if (!(delay >= 0)) throw new TypeError("queue: delaySeconds is a number of seconds, 0 or more.");
  return { body: bytes, contentType: type, delayMs: delay, dedupeKey: dedupeKey ?? null, orderKey: orderKey ?? null };
}

/** A queue of the project, to send to. */
export class Queue {
  static name = "Queue";
  #name;

  constructor(name) {
    this.#name = name;
  }

  get name() {
    return this.#name;
  }

  async #send(messages) {
    requireLive("A queue");
    try {
      return sendMessages(this.#name, messages);
    } catch (error) {
      throw refusal(`queue "${this.#name}"`, error);
    }
  }

  /** Sends one message and returns its id. */
  async send(body, options) {
    const [id] = await this.#send([messageOf(body, options)]);
    return id;
  }

  /** Sends messages `{ body, contentType?, delaySeconds?, … }`, all or none, and returns their ids. */
  async sendBatch(messages, options) {
    return this.#send(Array.from(messages, (message) => messageOf(message.body, { ...options, ...message })));
  }
}

/** The queue of that name: `import { queue } from "ostro"`. */
export const queue = (name) => new Queue(String(name));

function readSecret(name) {
  requireLive("A secret");
  try {
    return getSecret(name);
  } catch (error) {
    throw refusal(`secret "${name}"`, error);
  }
}

/** Secrets of the project that the function holds grants for: `import { secrets } from "ostro"`. */
export const secrets = {
  /** The value, or null when the project has no such secret. Throws without the grant. */
  get: (name) => readSecret(String(name)),
  names() {
    requireLive("Secrets");
    return secretNames();
  },
};

/** What bindings of each kind of resource are; modules for other kinds of data add theirs. */
export const kinds = { queue: Queue, kv: KVNamespace };

/** What a binding's resource, such as `queue:mail`, is to the program. */
function bound(resource) {
  const at = resource.indexOf(":");
  const Kind = kinds[resource.slice(0, at)];
  if (Kind !== undefined) return new Kind(resource.slice(at + 1));
  console.warn(`${resource} is bound, and the program was built without its kind: build it again, with its manifest.`);
  return resource;
}

let filled = null;

/** Environment variables, granted secrets and bindings; a binding's name wins over a secret's, that over a variable's. */
function fill(target) {
  requireLive("env");
  for (const [name, value] of getEnvironment()) target[name] = value;
  for (const name of secretNames()) {
    // Read at each use, so that an instance that is used again sees the value of its invocation.
    Object.defineProperty(target, name, { get: () => readSecret(name), enumerable: true, configurable: true });
  }
  for (const [name, resource] of bindings()) {
    Object.defineProperty(target, name, { value: bound(resource), enumerable: true, configurable: true, writable: true });
  }
  return target;
}

const target = {};
const ready = () => {
  filled ??= fill(target);
  return filled;
};

/** The environment, asked from the host when something of it is first used. */
export const env = new Proxy(target, {
  get: (_, key) => Reflect.get(ready(), key),
  has: (_, key) => Reflect.has(ready(), key),
  set: (_, key, value) => Reflect.set(ready(), key, value),
  ownKeys: () => Reflect.ownKeys(ready()),
  deleteProperty: (_, key) => Reflect.deleteProperty(ready(), key),
  defineProperty: (_, key, descriptor) => Reflect.defineProperty(ready(), key, descriptor),
  getOwnPropertyDescriptor: (_, key) => Reflect.getOwnPropertyDescriptor(ready(), key),
});

/** The function and its running invocation: `import { context } from "ostro"`. */
export const context = {
  get project() {
    return about().project;
  },
  get function() {
    return about().function;
  },
  get revision() {
    return about().revision;
  },
  get invocation() {
    return about().invocation;
  },
  get deadline() {
    return new Date(about().deadlineMs);
  },
};
