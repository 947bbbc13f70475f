// Blob and File.

import { bytesOf, concat, isBufferSource, utf8DecodeWithoutMark, utf8Encode } from "./text.js";
import { streamOf } from "./streams.js";

let bytesOfBlob;

/** Clamps an index as `slice` takes it. */
function clamp(index, size, otherwise) {
  const at = index === undefined ? otherwise : Math.trunc(Number(index)) || 0;
  return at < 0 ? Math.max(size + at, 0) : Math.min(at, size);
}

const mediaType = (type) => {
  const text = String(type ?? "");
  return /[^\x20-\x7e]/.test(text) ? "" : text.toLowerCase();
};

function partBytes(part, native) {
  if (part instanceof Blob) return bytesOfBlob(part);
  if (isBufferSource(part)) return bytesOf(part).slice();
  const text = String(part);
  return utf8Encode(native ? text.replace(/\r\n|\r/g, "\n") : text);
}

export class Blob {
  #bytes;
  #type;

  constructor(parts = [], { type = "", endings = "transparent" } = {}) {
    if (typeof parts !== "object" || parts === null || typeof parts[Symbol.iterator] !== "function") {
      throw new TypeError("Blob: the first argument is a sequence of parts.");
    }
    const all = Array.from(parts, (part) => partBytes(part, endings === "native"));
    this.#bytes = all.length === 0 ? new Uint8Array(0) : concat(all);
    this.#type = mediaType(type);
  }

  static {
    bytesOfBlob = (blob) => blob.#bytes;
  }

  get size() {
    return this.#bytes.length;
  }

  get type() {
    return this.#type;
  }

  slice(start, end, type) {
    const from = clamp(start, this.size, 0);
    const to = clamp(end, this.size, this.size);
    const part = new Blob([], { type });
    part.#bytes = this.#bytes.subarray(from, Math.max(from, to));
    return part;
  }

  async arrayBuffer() {
    return this.#bytes.slice().buffer;
  }

  async bytes() {
    return this.#bytes.slice();
  }

  async text() {
    return utf8DecodeWithoutMark(this.#bytes);
  }

  stream() {
    return streamOf(this.#bytes);
  }

  get [Symbol.toStringTag]() {
    return "Blob";
  }
}

export class File extends Blob {
  #name;
  #lastModified;

  constructor(parts, name, options = {}) {
    if (name === undefined) throw new TypeError("File: the second argument is its name.");
    super(parts, options);
    this.#name = String(name).toWellFormed();
    this.#lastModified = options?.lastModified === undefined ? Date.now() : Number(options.lastModified);
  }

  get name() {
    return this.#name;
  }

  get lastModified() {
    return this.#lastModified;
  }

  get webkitRelativePath() {
    return "";
  }

  get [Symbol.toStringTag]() {
    return "File";
  }
}

/** The bytes of a blob, which nobody may change. */
export const blobBytes = (blob) => bytesOfBlob(blob);
