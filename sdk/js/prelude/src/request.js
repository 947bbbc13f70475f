// Request.

import { Body, extract, peekBody, shareBody, takeBody } from "./body.js";
import { AbortController, AbortSignal } from "./events.js";
import { Headers, lazyHeaders } from "./headers.js";
import { HostBody } from "./streams.js";
import { normalizeUrl } from "./url.js";
import { HostRequest, transmissionFuture } from "./wit.js";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FORBIDDEN = new Set(["CONNECT", "TRACE", "TRACK"]);
const UPPER = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);
const REDIRECT = new Set(["follow", "error", "manual"]);

function methodOf(method) {
  const text = String(method);
  const upper = text.toUpperCase();
  if (!TOKEN.test(text) || FORBIDDEN.has(upper)) throw new TypeError(`Request: "${text}" is not a method to send.`);
  return UPPER.has(upper) ? upper : text;
}

function redirectOf(redirect) {
  if (!REDIRECT.has(redirect)) throw new TypeError(`Request: "${redirect}" is not a redirect mode.`);
  return redirect;
}

const HOST = Symbol("host");

/** What `new Request(input, init)` is made of. */
function partsOf(input, init) {
  const from = input instanceof Request ? input : null;
  const url = from === null ? normalizeUrl(String(input)) : from.url;
  const method = init.method === undefined ? (from?.method ?? "GET") : methodOf(init.method);
  const headers = new Headers(init.headers ?? from?.headers);
  let data = null;
  if (init.body !== undefined && init.body !== null) {
    if (method === "GET" || method === "HEAD") throw new TypeError(`Request: a ${method} request has no body.`);
    let type;
    [data, type] = extract(init.body);
    if (type !== null && !headers.has("content-type")) headers.append("content-type", type);
  } else if (from !== null && peekBody(from) !== null && init.body === undefined) {
    data = takeBody(from);
  }
  return { url, method, headers, data };
}

export class Request extends Body {
  #url;
  #method;
  #headers;
  #signal = null;
  #redirect = "follow";
  #init = {};
  #host = null;

  constructor(input, init = {}) {
    if (init === HOST) {
      super(input.method === "GET" || input.method === "HEAD" ? null : new HostBody(input.consume));
      this.#host = input;
      this.#method = input.method;
      return;
    }
    const options = init ?? {};
    const { url, method, headers, data } = partsOf(input, options);
    super(data);
    this.#url = url;
    this.#method = method;
    this.#headers = headers;
    this.#init = options;
    this.#redirect = redirectOf(options.redirect ?? (input instanceof Request ? input.redirect : "follow"));
    const signal = options.signal === undefined && input instanceof Request ? input.#signal : options.signal;
    if (signal !== undefined && signal !== null) this.#signal = AbortSignal.any([signal]);
  }

  get url() {
    this.#url ??= this.#host.url();
    return this.#url;
  }

  get method() {
    return this.#method;
  }

  get headers() {
    this.#headers ??= lazyHeaders(this.#host.headers, true);
    return this.#headers;
  }

  get signal() {
    this.#signal ??= new AbortController().signal;
    return this.#signal;
  }

  get redirect() {
    return this.#redirect;
  }
  get cache() {
    return this.#init.cache ?? "default";
  }
  get credentials() {
    return this.#init.credentials ?? "same-origin";
  }
  get destination() {
    return "";
  }
  get duplex() {
    return "half";
  }
  get integrity() {
    return this.#init.integrity ?? "";
  }
  get keepalive() {
    return Boolean(this.#init.keepalive);
  }
  get mode() {
    return this.#init.mode ?? "cors";
  }
  get referrer() {
    return this.#init.referrer ?? "about:client";
  }
  get referrerPolicy() {
    return this.#init.referrerPolicy ?? "";
  }

  clone() {
    const data = shareBody(this);
    const copy = new Request(this.url, { ...this.#init, method: this.#method, headers: this.headers, body: undefined });
    copy.#signal = this.#signal === null ? null : AbortSignal.any([this.#signal]);
    copy.#redirect = this.#redirect;
    return data === null ? copy : copy.#with(data);
  }

  /** This request with a body, whatever its method. */
  #with(data) {
    const copy = new Request(this.#url, { ...this.#init, method: "POST", headers: this.#headers, body: bodyInit(data) });
    copy.#method = this.#method;
    copy.#headers = this.#headers;
    copy.#signal = this.#signal;
    copy.#redirect = this.#redirect;
    return copy;
  }

  get [Symbol.toStringTag]() {
    return "Request";
  }
}

const bodyInit = (data) => (data instanceof HostBody ? data.stream() : data);

/** The request that the host gave. Everything is asked from it only when someone looks, or when its body takes it away. */
export function hostRequest(request) {
  const { tag, val } = request.getMethod();
  const method = tag === "other" ? val : tag.toUpperCase();
  let fields = null;
  let address = null;
  const headers = () => (fields ??= request.getHeaders());
  const url = () =>
    (address ??= `${request.getScheme()?.tag.toLowerCase() ?? "http"}://${request.getAuthority() ?? "localhost"}${request.getPathWithQuery() ?? "/"}`);
  return new Request(
    {
      method,
      headers,
      url,
      consume() {
        headers();
        url();
        const { readable, writable } = transmissionFuture();
        const [stream, trailers] = HostRequest.consumeBody(request, readable);
        return [stream, trailers, writable];
      },
    },
    HOST,
  );
}
