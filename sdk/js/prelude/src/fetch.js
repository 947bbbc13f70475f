// fetch, on the host's HTTP client. The function needs the grant `http:ORIGIN` for where it goes.

import { knownBytes, sendBody, takeBody } from "./body.js";
import { headerPairs, hostPair } from "./headers.js";
import { requireLive } from "./life.js";
import { Request } from "./request.js";
import { hostResponse } from "./response.js";
import { latin1Encode } from "./text.js";
import { URL } from "./url.js";
import { DONE, Fields, HostRequest, byteStream, errorText, hostError, send, settle, trailersFuture } from "./wit.js";

const MOST_REDIRECTS = 20;
const METHODS = new Set(["get", "head", "post", "put", "delete", "options", "patch"]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
// Of one hop or of the host: it sets them.
const HOP = new Set(["host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "trailer"]);
const OF_BODY = new Set(["content-encoding", "content-language", "content-length", "content-location", "content-type"]);
const OF_ORIGIN = new Set(["authorization", "cookie", "proxy-authorization"]);

const hostMethod = (method) => {
  const tag = method.toLowerCase();
  return METHODS.has(tag) && tag.toUpperCase() === method ? { tag } : { tag: "other", val: method };
};

/** One request as it goes out. */
class Hop {
  constructor(url, method, pairs, data) {
    Object.assign(this, { url, method, pairs, data, bytes: knownBytes(data) });
  }

  /** The host's form, and a promise of the body being sent. */
  lower() {
    const entries = this.pairs.filter((pair) => !HOP.has(pair[0])).map(hostPair);
    const counted = this.pairs.some((pair) => pair[0] === "content-length");
    const empty = this.data === null && (this.method === "POST" || this.method === "PUT");
    if (!counted && (this.bytes !== null || empty)) {
      entries.push(["content-length", latin1Encode(String(this.bytes?.length ?? 0))]);
    }
    const body = this.data === null || this.bytes?.length === 0 ? null : byteStream();
    const end = trailersFuture();
    const [request, transmission] = HostRequest.new(Fields.fromList(entries), body?.readable ?? null, end.readable, null);
    transmission.drop();
    request.setMethod(hostMethod(this.method));
    request.setScheme({ tag: this.url.protocol === "https:" ? "HTTPS" : "HTTP" });
    request.setAuthority(this.url.host);
    request.setPathWithQuery(this.url.pathname + this.url.search);
    const sent = body === null ? settle(end.writable, DONE) : sendBody(this.data, this.bytes, body.writable, end.writable);
    return [request, sent];
  }

  async send() {
    const [request, sent] = this.lower();
    sent.catch(() => {});
    try {
      return await send(request);
    } catch (thrown) {
      const code = hostError(thrown);
      throw new TypeError(`fetch ${this.url.origin}: ${this.#reason(code)}`, { cause: code });
    }
  }

  /** Why the host did not send it, in the words that it has for other refusals. */
  #reason(code) {
    if (code?.tag !== "HTTP-request-denied") return errorText(code);
    return `not granted: add "http:${this.url.origin}" to the function's grants and deploy again`;
  }

  /** The next hop of a redirect, by the rules of the Fetch standard. */
  redirected(status, location) {
    const url = new URL(location, this.url.href);
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new TypeError(`fetch: ${this.url.href} redirects to ${url.protocol}, which is not HTTP.`);
    }
    const drops = (status === 303 && this.method !== "GET" && this.method !== "HEAD")
      || ((status === 301 || status === 302) && this.method === "POST");
    if (!drops && this.data !== null && this.bytes === null) {
      throw new TypeError("fetch: a redirect would need the body again, and it was a stream.");
    }
    const foreign = url.origin !== this.url.origin;
    const pairs = this.pairs.filter(([name]) => !(drops && OF_BODY.has(name)) && !(foreign && OF_ORIGIN.has(name)));
    return new Hop(url, drops ? "GET" : this.method, pairs, drops ? null : (this.bytes ?? this.data));
  }
}

/** Sends and follows redirects. */
async function exchange(request) {
  const url = new URL(request.url);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`fetch: "${url.protocol}" is not supported: http: and https: are.`);
  }
  let hop = new Hop(url, request.method, headerPairs(request.headers), takeBody(request));
  for (let count = 0; ; count += 1) {
    const response = hostResponse(await hop.send(), hop.url.href.split("#", 1)[0], count > 0, hop.method);
    const location = REDIRECTS.has(response.status) ? response.headers.get("location") : null;
    if (location === null || request.redirect === "manual") return response;
    if (request.redirect === "error") throw new TypeError(`fetch: ${hop.url.href} redirects, and redirect is "error".`);
    if (count === MOST_REDIRECTS) throw new TypeError(`fetch: more than ${MOST_REDIRECTS} redirects.`);
    hop = hop.redirected(response.status, location);
  }
}

/** Settles as the promise does, or rejects when the signal aborts first. */
function orAborted(promise, signal) {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

export async function fetch(input, init) {
  requireLive("fetch");
  const plain = init?.signal === undefined && !(input instanceof Request);
  const request = input instanceof Request && init === undefined ? input : new Request(input, init);
  if (plain) return exchange(request);
  request.signal.throwIfAborted();
  return orAborted(exchange(request), request.signal);
}
