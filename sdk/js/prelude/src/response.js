// Response.

import { Body, extract, knownBytes, sendBody, shareBody, takeBody } from "./body.js";
import { Headers, headerPairs, hostPair, lazyHeaders } from "./headers.js";
import { HostBody } from "./streams.js";
import { latin1Encode } from "./text.js";
import { normalizeUrl } from "./url.js";
import { DONE, Fields, HostResponse, byteStream, settle, trailersFuture, transmissionFuture } from "./wit.js";

const NO_BODY = new Set([101, 103, 204, 205, 304]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;

function statusOf(status) {
  const number = Number(status);
  if (!(number >= 200 && number <= 599)) throw new RangeError(`Response: ${status} is not a status between 200 and 599.`);
  return Math.trunc(number);
}

const RAW = Symbol("raw");
let plan;

export class Response extends Body {
  #status;
  #statusText;
  #headers;
  #url = "";
  #redirected = false;
  #type = "default";

  constructor(body = null, init = {}) {
    if (init?.[RAW] !== undefined) {
      super(body);
      [this.#status, this.#headers, this.#url, this.#redirected, this.#type] = init[RAW];
      this.#statusText = "";
      return;
    }
    const [data, type] = extract(body);
    super(data);
    const options = init ?? {};
    this.#status = options.status === undefined ? 200 : statusOf(options.status);
    this.#statusText = options.statusText === undefined ? "" : String(options.statusText);
    if (!REASON.test(this.#statusText)) throw new TypeError("Response: the status text has a line break.");
    this.#headers = new Headers(options.headers);
    if (data === null) return;
    if (NO_BODY.has(this.#status)) throw new TypeError(`Response: one of status ${this.#status} has no body.`);
    if (type !== null && !this.#headers.has("content-type")) this.#headers.append("content-type", type);
  }

  static {
    plan = (response) => [response.#status, headerPairs(response.#headers)];
  }

  static error() {
    return new Response(null, { [RAW]: [0, new Headers(), "", false, "error"] });
  }

  static json(data, init = {}) {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError("Response.json: the value has no JSON form.");
    const response = new Response(text, { ...init, headers: undefined });
    response.#headers = new Headers(init?.headers);
    if (!response.#headers.has("content-type")) response.#headers.append("content-type", "application/json");
    return response;
  }

  static redirect(url, status = 302) {
    if (!REDIRECTS.has(Number(status))) throw new RangeError(`Response.redirect: ${status} is not a redirect.`);
    return new Response(null, { status, headers: [["location", normalizeUrl(String(url))]] });
  }

  get status() {
    return this.#status;
  }
  get ok() {
    return this.#status >= 200 && this.#status <= 299;
  }
  get statusText() {
    return this.#statusText;
  }
  get headers() {
    return this.#headers;
  }
  get url() {
    return this.#url;
  }
  get redirected() {
    return this.#redirected;
  }
  get type() {
    return this.#type;
  }

  clone() {
    const data = shareBody(this);
    const copy = new Response(data, { [RAW]: [this.#status, new Headers(this.#headers), this.#url, this.#redirected, this.#type] });
    copy.#statusText = this.#statusText;
    return copy;
  }

  get [Symbol.toStringTag]() {
    return "Response";
  }
}

/** The response that the host gave to a request which was sent. */
export function hostResponse(response, url, redirected, method) {
  const status = response.getStatusCode();
  const headers = lazyHeaders(() => fields, false);
  const fields = response.getHeaders();
  const body = new HostBody(() => {
    const { readable, writable } = transmissionFuture();
    const [stream, trailers] = HostResponse.consumeBody(response, readable);
    return [stream, trailers, writable];
  });
  const none = method === "HEAD" || NO_BODY.has(status);
  return new Response(none ? null : body, { [RAW]: [status, headers, url, redirected, "default"] });
}

// Headers of one connection: the server frames the body itself, and WASI refuses them. Some frameworks set them all the same.
const HOP = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);

/** The host's form of a response, and a promise of its body being sent: `[response, sent]`. */
export function lowerResponse(response) {
  const [status, pairs] = plan(response);
  const data = takeBody(response);
  const bytes = knownBytes(data);
  const entries = pairs.filter((pair) => !HOP.has(pair[0])).map(hostPair);
  if (bytes !== null && !pairs.some((pair) => pair[0] === "content-length")) {
    entries.push(["content-length", latin1Encode(String(bytes.length))]);
  }
  const fields = Fields.fromList(entries);
  const end = trailersFuture();
  const body = data === null || bytes?.length === 0 ? null : byteStream();
  const [lowered, transmission] = HostResponse.new(fields, body?.readable ?? null, end.readable);
  transmission.drop();
  if (status !== 200) lowered.setStatusCode(status);
  const sent = body === null ? settle(end.writable, DONE) : sendBody(data, bytes, body.writable, end.writable);
  return [lowered, sent];
}
