// TextEncoder and TextDecoder for UTF-8, and conversions between strings and bytes.
//
// A loop over characters costs this interpreter 100 ns and more for each. So everything here is made of functions that
// are native: base64 both ways, escape and the URI functions, and regular expressions.

const NOT_ASCII = /[^\x00-\x7f]/;

/** Bytes of a string whose characters are all below 256, one each. Throws when one is not. */
export const latin1Encode = (string) => Uint8Array.fromBase64(btoa(string));

/** The string whose characters are these bytes. */
export const latin1Decode = (bytes) => atob(bytes.toBase64());

/** UTF-8 of a string; a lone surrogate becomes U+FFFD. */
export function utf8Encode(string) {
  if (string === "") return new Uint8Array(0);
  if (!NOT_ASCII.test(string)) return latin1Encode(string);
  return latin1Encode(unescape(encodeURIComponent(string.toWellFormed())));
}

/** The string that these bytes are UTF-8 of; what is not UTF-8 becomes U+FFFD, or throws if `fatal`. */
export function utf8Decode(bytes, fatal = false) {
  if (bytes.length === 0) return "";
  const binary = latin1Decode(bytes);
  if (!NOT_ASCII.test(binary)) return binary;
  try {
    return decodeURIComponent(escape(binary));
  } catch {
    if (fatal) throw new TypeError("The encoded data is not valid UTF-8.");
    return decodeLossy(bytes);
  }
}

/** As `utf8Decode`, without a byte order mark at the start. */
export function utf8DecodeWithoutMark(bytes) {
  const string = utf8Decode(bytes);
  return string.charCodeAt(0) === 0xfeff ? string.slice(1) : string;
}

/** Bytes of a buffer or of a view of one, without a copy. */
export function bytesOf(source) {
  if (source instanceof Uint8Array) return source;
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return new Uint8Array(source);
}

/** Whether a value is a buffer or a view of one. */
export const isBufferSource = (value) =>
  value instanceof ArrayBuffer || ArrayBuffer.isView(value) || value instanceof SharedArrayBuffer;

/** All parts in one array. */
export function concat(parts) {
  if (parts.length === 1) return parts[0];
  let length = 0;
  for (const part of parts) length += part.length;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Length of the sequence that a byte begins, 0 if it begins none, and the range of the byte after it. */
function sequence(first) {
  if (first >= 0xc2 && first <= 0xdf) return [2, 0x80, 0xbf];
  if (first === 0xe0) return [3, 0xa0, 0xbf];
  if (first === 0xed) return [3, 0x80, 0x9f];
  if (first >= 0xe1 && first <= 0xef) return [3, 0x80, 0xbf];
  if (first === 0xf0) return [4, 0x90, 0xbf];
  if (first >= 0xf1 && first <= 0xf3) return [4, 0x80, 0xbf];
  if (first === 0xf4) return [4, 0x80, 0x8f];
  return [0, 0, 0];
}

/** How many bytes of the sequence at `at` are there and fit, and how many it has in all (0: it is none). */
function measure(bytes, at) {
  const [length, low, high] = sequence(bytes[at]);
  if (length === 0) return [1, 0];
  let have = 1;
  while (have < length && at + have < bytes.length) {
    const byte = bytes[at + have];
    if (byte < (have === 1 ? low : 0x80) || byte > (have === 1 ? high : 0xbf)) return [have, 0];
    have += 1;
  }
  return [have, length];
}

/** Decodes with one U+FFFD for each maximal part of a sequence that is not complete. */
function decodeLossy(bytes) {
  let text = "";
  let good = 0;
  let at = 0;
  const flush = (end) => {
    if (end > good) text += decodeURIComponent(escape(latin1Decode(bytes.subarray(good, end))));
  };
  while (at < bytes.length) {
    if (bytes[at] < 0x80) {
      at += 1;
      continue;
    }
    const [have, length] = measure(bytes, at);
    if (have !== length) {
      flush(at);
      text += "\ufffd";
      good = at + have;
    }
    at += have;
  }
  flush(bytes.length);
  return text;
}

/** How many bytes at the end begin a sequence that more bytes may complete. */
function incompleteTail(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if (byte >= 0xc0) {
      const [have, length] = measure(bytes, bytes.length - back);
      return have === back && have < length ? back : 0;
    }
    if (byte < 0x80) return 0;
  }
  return 0;
}

export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(input = "") {
    return utf8Encode(String(input));
  }

  encodeInto(source, destination) {
    const text = String(source).toWellFormed();
    const bytes = utf8Encode(text);
    if (bytes.length <= destination.length) {
      destination.set(bytes);
      return { read: text.length, written: bytes.length };
    }
    let end = destination.length;
    while (end > 0 && (bytes[end] & 0xc0) === 0x80) end -= 1;
    const part = bytes.subarray(0, end);
    destination.set(part);
    return { read: utf8Decode(part).length, written: end };
  }

  get [Symbol.toStringTag]() {
    return "TextEncoder";
  }
}

const UTF8_LABELS = new Set(["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"]);
const LATIN1_LABELS = new Set(["latin1", "iso-8859-1", "ascii", "us-ascii", "windows-1252"]);
const UTF16_LABELS = new Set(["utf-16", "utf-16le"]);

/** The name of the encoding that a label stands for. */
function encodingOf(label) {
  const key = String(label).trim().toLowerCase();
  if (UTF8_LABELS.has(key)) return "utf-8";
  if (LATIN1_LABELS.has(key)) return "windows-1252";
  if (UTF16_LABELS.has(key)) return "utf-16le";
  throw new RangeError(`The encoding "${label}" is not supported: utf-8, utf-16le and latin1 are.`);
}

// Bytes 0x80 to 0x9f of windows-1252.
const WINDOWS_1252 =
  "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f" +
  "\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178";

const decodeWindows1252 = (bytes) =>
  latin1Decode(bytes).replace(/[\x80-\x9f]/g, (char) => WINDOWS_1252[char.charCodeAt(0) - 0x80]);

function decodeUtf16(bytes) {
  let text = "";
  for (let at = 0; at + 1 < bytes.length; at += 2) text += String.fromCharCode(bytes[at] | (bytes[at + 1] << 8));
  return bytes.length % 2 === 0 ? text.toWellFormed() : `${text.toWellFormed()}\ufffd`;
}

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  #rest = new Uint8Array(0);
  #started = false;

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    this.#encoding = encodingOf(label);
    this.#fatal = Boolean(fatal);
    this.#ignoreBOM = Boolean(ignoreBOM);
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input = new Uint8Array(0), { stream = false } = {}) {
    let bytes = bytesOf(input);
    if (this.#rest.length > 0) bytes = concat([this.#rest, bytes]);
    const keep = stream ? this.#tail(bytes) : 0;
    this.#rest = keep > 0 ? bytes.slice(bytes.length - keep) : new Uint8Array(0);
    if (keep > 0) bytes = bytes.subarray(0, bytes.length - keep);
    const text = this.#convert(bytes);
    const marked = !this.#started && !this.#ignoreBOM && text.charCodeAt(0) === 0xfeff;
    this.#started = stream && (this.#started || text !== "");
    return marked ? text.slice(1) : text;
  }

  #tail(bytes) {
    if (this.#encoding === "utf-8") return incompleteTail(bytes);
    return this.#encoding === "utf-16le" ? bytes.length % 2 : 0;
  }

  #convert(bytes) {
    if (this.#encoding === "utf-8") return utf8Decode(bytes, this.#fatal);
    return this.#encoding === "utf-16le" ? decodeUtf16(bytes) : decodeWindows1252(bytes);
  }

  get [Symbol.toStringTag]() {
    return "TextDecoder";
  }
}
