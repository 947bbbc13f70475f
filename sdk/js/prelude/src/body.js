// What Request and Response have in common: a body, which is kept as what it was given as until someone reads it.

import { Blob, blobBytes } from "./blob.js";
import { FormData, parseFormData, encodeMultipart } from "./form-data.js";
import { HostBody, forward, isStream, readAll, sendBytes, sendStream, streamFrom, streamOf } from "./streams.js";
import { URLSearchParams } from "./search-params.js";
import { bytesOf, isBufferSource, utf8DecodeWithoutMark, utf8Encode } from "./text.js";

const EMPTY = new Uint8Array(0);

/** What a body is made of and the content type that goes with it: `[data, type]`. Data is a string, bytes or a stream. */
export function extract(body) {
  if (typeof body === "string") return [body, "text/plain;charset=UTF-8"];
  if (body === null || body === undefined) return [null, null];
  if (isStream(body)) {
    if (body.locked) throw new TypeError("The stream is locked: someone reads it already.");
    return [body, null];
  }
  if (isBufferSource(body)) return [bytesOf(body).slice(), null];
  if (body instanceof Blob) return [blobBytes(body), body.type === "" ? null : body.type];
  if (body instanceof URLSearchParams) return [body.toString(), "application/x-www-form-urlencoded;charset=UTF-8"];
  if (body instanceof FormData) return encodeMultipart(body);
  if (typeof body[Symbol.asyncIterator] === "function") return [streamFrom(body), null];
  return [String(body), "text/plain;charset=UTF-8"];
}

let take;
let peek;
let share;

export class Body {
  // null, a string, bytes, a ReadableStream, or a HostBody.
  #data;
  // The stream that someone asked for by `body`; it replaces the data.
  #stream = null;
  #used = false;

  constructor(data) {
    this.#data = data;
  }

  static {
    take = (body) => body.#take();
    peek = (body) => (body.#stream === null ? body.#data : body.#stream);
    share = (body) => body.#share();
  }

  get body() {
    if (this.#data === null) return null;
    if (this.#stream === null) {
      const data = this.#data;
      if (isStream(data)) this.#stream = data;
      else if (data instanceof HostBody) this.#stream = data.stream();
      else this.#stream = streamOf(typeof data === "string" ? utf8Encode(data) : data);
      if (this.#used) this.#stream.cancel();
    }
    return this.#stream;
  }

  get bodyUsed() {
    return this.#used || (this.#stream !== null && isDisturbed(this.#stream));
  }

  /** The body, which from now on is used. */
  #take() {
    if (this.#data === null) return null;
    const stream = this.#stream ?? (isStream(this.#data) ? this.#data : null);
    if (this.#used || (stream !== null && (stream.locked || isDisturbed(stream)))) {
      throw new TypeError("The body was read already: use clone() to read it twice.");
    }
    this.#used = true;
    return stream ?? this.#data;
  }

  /** Two bodies out of this one: data that this keeps and data for a copy. */
  #share() {
    if (this.bodyUsed || this.#stream?.locked) throw new TypeError("The body was read already: it cannot be cloned.");
    if (this.#stream === null && !isStream(this.#data) && !(this.#data instanceof HostBody)) return this.#data;
    const [mine, copy] = this.body.tee();
    this.#data = mine;
    this.#stream = mine;
    return copy;
  }

  async #bytes() {
    const data = this.#take();
    if (data === null) return EMPTY;
    if (typeof data === "string") return utf8Encode(data);
    if (data instanceof Uint8Array) return data;
    return data instanceof HostBody ? data.bytes() : readAll(data);
  }

  async text() {
    if (typeof this.#data === "string" && this.#stream === null) return this.#take().toWellFormed();
    return utf8DecodeWithoutMark(await this.#bytes());
  }

  async json() {
    return JSON.parse(await this.text());
  }

  async bytes() {
    const given = this.#data;
    const bytes = await this.#bytes();
    return bytes === given || bytes === EMPTY ? bytes.slice() : bytes;
  }

  async arrayBuffer() {
    const bytes = await this.bytes();
    return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
  }

  async blob() {
    return new Blob([await this.#bytes()], { type: this.headers.get("content-type") ?? "" });
  }

  async formData() {
    const type = this.headers.get("content-type") ?? "";
    return parseFormData(await this.#bytes(), type);
  }
}

/** Whether someone has read from a stream or cancelled it. */
function isDisturbed(stream) {
  return stream._disturbed === true;
}

/** The body's data, which is then used; throws when it was. */
export const takeBody = (body) => take(body);

/** The body's data, unused as before. */
export const peekBody = (body) => peek(body);

/** Data for a copy of a body. */
export const shareBody = (body) => share(body);

/** Bytes of a body whose length is known, or null: a string, or bytes. */
export const knownBytes = (data) => (typeof data === "string" ? utf8Encode(data) : data instanceof Uint8Array ? data : null);

/** Sends a body that is not null to the host. */
export function sendBody(data, bytes, writable, trailers) {
  if (bytes !== null) return sendBytes(bytes, writable, trailers);
  return data instanceof HostBody ? forward(data, writable, trailers) : sendStream(data, writable, trailers);
}
