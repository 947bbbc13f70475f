// Calls of the other functions of the project.

import { call, send } from "ostro:functions/invoke@0.1.0";

import { failureClass, failureOf, optionsOf } from "./failure.js";
import { kinds, requireLive } from "./own.js";

/**
 * Why there is no result: `code` is `denied`, `unknown-function`, `loop`, `busy`, `failed`, `invalid`, `unavailable` or
 * `deadline`. Of one that failed `status` and `body` are what it answered.
 */
export const FunctionError = failureClass("FunctionError");

const REQUEST = { path: "path", method: "method" };

function failure(name, thrown) {
  const error = failureOf(FunctionError, `function "${name}"`, thrown);
  if (error.code !== "failed") return error;
  const answer = JSON.parse(error.message.slice(error.message.indexOf("{")));
  error.message = `function "${name}" answered ${answer.status}${answer.code === undefined ? "" : `: ${answer.code}`}`;
  return Object.assign(error, { status: answer.status, body: answer.body ?? null, reason: answer.code });
}

function input(data) {
  if (data === undefined) return "";
  const text = JSON.stringify(data);
  if (text === undefined) throw new TypeError("functions: the data has no JSON form.");
  return text;
}

/** The host's options: headers of any kind as an object. */
function request({ headers, ...options }) {
  const all = headers === undefined ? options : { ...options, headers: Object.fromEntries(new Headers(headers)) };
  return Object.keys(all).length === 0 ? "" : JSON.stringify(all);
}

/** Functions of the project: `import { functions } from "ostro"`. */
export const functions = {
  /** Calls a function with JSON and gives its JSON. */
  async invoke(name, data, options) {
    const known = request(optionsOf("invoke", options, { ...REQUEST, headers: "headers", timeoutMs: "timeoutMs" }));
    const text = input(data);
    requireLive("A function");
    try {
      return JSON.parse(call(String(name), text, known));
    } catch (thrown) {
      throw failure(name, thrown);
    }
  },

  /** Has a function called later, and gives the id of the job that does it. */
  async send(name, data, options) {
    const { delaySeconds, ...known } = optionsOf("send", options, { ...REQUEST, delaySeconds: "delaySeconds", dedupeKey: "dedupeKey" });
    if (delaySeconds !== undefined) known.delayMs = Math.round(delaySeconds * 1000);
    const text = input(data);
    requireLive("A function");
    try {
      return send(String(name), text, request(known));
    } catch (thrown) {
      throw failure(name, thrown);
    }
  },
};

/** A function as a binding: `fetch` as of a service in Workers, whatever the host in the address. */
class Service {
  static name = "Service";
  #name;

  constructor(name) {
    this.#name = name;
  }

  get name() {
    return this.#name;
  }

  async fetch(target, init) {
    const given = new Request(target, init);
    const url = new URL(given.url);
    const { method, headers, redirect, signal } = given;
    const body = method === "GET" || method === "HEAD" ? undefined : given.body;
    return fetch(`http://${this.#name}.ostro.internal${url.pathname}${url.search}`, { method, headers, body, redirect, signal });
  }

  invoke(data, options) {
    return functions.invoke(this.#name, data, options);
  }
}

kinds.function = Service;
