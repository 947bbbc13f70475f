// Streams: the library's classes, the text streams, and the bridge between byte streams of the host and these.

import { isReady, part } from "./parts.js";
import { TextDecoder, bytesOf, concat, utf8Encode } from "./text.js";
import { DONE, drop, errorText, failed, settle } from "./wit.js";

// As much as one write offers the host: larger pieces would only be copied again for what it did not take.
const WRITE_BYTES = 256 * 1024;

/** The library's classes. */
const library = () => part("streams");

/** Whether something is a ReadableStream: nothing is one before the library is there. */
export const isStream = (value) => isReady("streams") && value instanceof library().ReadableStream;

/** A stream of what an iterable gives. */
export const streamFrom = (iterable) => library().ReadableStream.from(iterable);

/** The body of a message from the host: read straight, or as a ReadableStream where someone wants one. */
export class HostBody {
  #consume;
  #source = null;
  #end = null;
  #result = null;

  /** `consume` takes the body from the host when it is first wanted: `[stream, trailers, result]`. */
  constructor(consume) {
    this.#consume = consume;
  }

  /** The next bytes, or null at the end. Throws when the body was cut. */
  async next() {
    if (this.#source === null) [this.#source, this.#end, this.#result] = this.#consume();
    const { value, done } = await this.#source.next();
    if (!done) return value;
    this.#finish();
    drop(this.#source);
    const end = await this.#end.read();
    drop(this.#end);
    if (end?.tag === "err") throw new TypeError(`The body was cut: ${errorText(end.val)}`);
    return null;
  }

  /** Wants no more of it. */
  cancel() {
    if (this.#source === null) return;
    this.#source.drop();
    this.#end.drop();
    this.#finish();
  }

  /** All of it. */
  async bytes() {
    const parts = [];
    for (let part = await this.next(); part !== null; part = await this.next()) parts.push(part);
    return concat(parts.length === 0 ? [new Uint8Array(0)] : parts);
  }

  /** It as a stream, which reads from the host only when it is read. */
  stream() {
    const body = this;
    return new (library().ReadableStream)(
      {
        type: "bytes",
        async pull(controller) {
          const part = await body.next();
          if (part !== null) {
            controller.enqueue(part);
            return;
          }
          controller.close();
          controller.byobRequest?.respond(0);
        },
        cancel: () => body.cancel(),
      },
      { highWaterMark: 0 },
    );
  }

  #finish() {
    if (this.#result !== null) settle(this.#result, DONE).catch(() => {});
    this.#result = null;
  }
}

/** Writes bytes to the host; false when it wants no more. */
async function writeBytes(writable, bytes) {
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.length <= WRITE_BYTES ? bytes.subarray(at) : bytes.subarray(at, at + WRITE_BYTES);
    const written = await writable.write(piece);
    if (written === 0) return false;
    at += written;
  }
  return true;
}

/** Sends bytes as a body: `trailers` ends it. */
export async function sendBytes(bytes, writable, trailers) {
  try {
    await writeBytes(writable, bytes);
  } finally {
    writable.drop();
    await settle(trailers, DONE);
  }
}

const EMPTY_CHUNK = "A stream that is a body gave something that is not bytes: a Uint8Array or an ArrayBuffer is.";

/** Bytes of what a body's stream gave. */
function chunkBytes(chunk) {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === "string") return utf8Encode(chunk);
  if (chunk instanceof ArrayBuffer || ArrayBuffer.isView(chunk)) return bytesOf(chunk);
  throw new TypeError(EMPTY_CHUNK);
}

/** Sends a ReadableStream as a body. A stream that fails cuts the body, and the error is thrown. */
export async function sendStream(stream, writable, trailers) {
  const reader = stream.getReader();
  let end = DONE;
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      if (await writeBytes(writable, chunkBytes(step.value))) continue;
      await reader.cancel(new DOMException("The client is gone", "AbortError"));
      break;
    }
  } catch (error) {
    end = { tag: "err", val: failed("the body's stream failed") };
    reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    writable.drop();
    await settle(trailers, end);
  }
}

/** Sends what is left of a body of the host, without the stream library between. */
export async function forward(body, writable, trailers) {
  let end = DONE;
  try {
    for (let part = await body.next(); part !== null; part = await body.next()) {
      if (await writeBytes(writable, part)) continue;
      body.cancel();
      break;
    }
  } catch (error) {
    end = { tag: "err", val: failed("the body was cut where it came from") };
    throw error;
  } finally {
    writable.drop();
    await settle(trailers, end);
  }
}

/** A stream of bytes that are there already. */
export function streamOf(bytes) {
  return new (library().ReadableStream)({
    type: "bytes",
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes.slice());
      controller.close();
    },
  });
}

/** Everything that a stream gives, as bytes. */
export async function readAll(stream) {
  const reader = stream.getReader();
  const parts = [];
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    if (!(step.value instanceof Uint8Array)) throw new TypeError(EMPTY_CHUNK);
    parts.push(step.value);
  }
  return concat(parts.length === 0 ? [new Uint8Array(0)] : parts);
}

/** A readable and a writable side around a transformer: what TextEncoderStream and the like are. */
class TransformPair {
  #inner;
  constructor(transformer) {
    this.#inner = new (library().TransformStream)(transformer);
  }
  get readable() {
    return this.#inner.readable;
  }
  get writable() {
    return this.#inner.writable;
  }
}

export class TextEncoderStream extends TransformPair {
  constructor() {
    let high = "";
    super({
      transform(chunk, controller) {
        let text = high + String(chunk);
        high = /[\ud800-\udbff]$/.test(text) ? text.at(-1) : "";
        if (high !== "") text = text.slice(0, -1);
        if (text !== "") controller.enqueue(utf8Encode(text));
      },
      flush(controller) {
        if (high !== "") controller.enqueue(utf8Encode("\ufffd"));
      },
    });
  }
  get encoding() {
    return "utf-8";
  }
}

export class TextDecoderStream extends TransformPair {
  #decoder;
  constructor(label, options) {
    const decoder = new TextDecoder(label, options);
    super({
      transform(chunk, controller) {
        const text = decoder.decode(chunk, { stream: true });
        if (text !== "") controller.enqueue(text);
      },
      flush(controller) {
        const text = decoder.decode();
        if (text !== "") controller.enqueue(text);
      },
    });
    this.#decoder = decoder;
  }
  get encoding() {
    return this.#decoder.encoding;
  }
  get fatal() {
    return this.#decoder.fatal;
  }
  get ignoreBOM() {
    return this.#decoder.ignoreBOM;
  }
}
