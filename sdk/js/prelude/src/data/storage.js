// Objects in buckets: our own words, and those that Workers have for R2.

import { Bucket as HostBucket } from "ostro:storage/objects@0.1.0";

import { failureClass, failureOf, isAsCaller, optionsOf, withHandle } from "./failure.js";
import { Body, HostBody, drop, extract, kinds, requireLive, takeBody, textOf, utf8Encode } from "./own.js";

/** Why a bucket did not do it: `code` is `denied`, `invalid`, `changed`, `too-large`, `full`, `damaged` or `unavailable`. */
export const StorageError = failureClass("StorageError");

/** What is put or read at once, bytes: more would end the instance on its way to the host. */
const PIECE = 1 << 20;
/** What is read of an object before anybody asks, bytes: then nothing stays open. */
const SMALL = 256 << 10;
const PAGE = 1000;
const HOUR = 3600;

const EMPTY = new Uint8Array(0);

const keyOf = (key) => textOf("A key", key);
const quoted = (etag) => (/^"|^\*$/.test(etag) ? etag : `"${etag}"`);

/** What is said of an object: in our words and in R2's. */
class StoredObject extends Body {
  static name = "StoredObject";

  constructor(info, data = null, range = undefined) {
    super(data);
    this.key = info.key;
    this.size = info.size;
    this.httpEtag = info.etag;
    this.etag = info.etag.replaceAll('"', "");
    this.uploaded = new Date(info.written);
    this.contentType = info.contentType;
    this.metadata = info.metadata ?? {};
    this.owner = info.owner;
    this.range = range;
  }

  get httpMetadata() {
    return this.contentType === undefined ? {} : { contentType: this.contentType };
  }
  get customMetadata() {
    return this.metadata;
  }
  get headers() {
    const headers = new Headers();
    this.writeHttpMetadata(headers);
    return headers;
  }

  writeHttpMetadata(headers) {
    if (this.contentType !== undefined) headers.set("content-type", this.contentType);
  }

  /** What is said, without the content. */
  toJSON() {
    const { key, size, etag, uploaded, contentType, metadata, owner } = this;
    return { key, size, etag, uploaded, contentType, metadata, owner };
  }
}

const PUT = {
  contentType: "contentType", metadata: "metadata", owner: "owner", ifMatch: "ifMatch", ifNoneMatch: "ifNoneMatch",
  httpMetadata: "httpMetadata", customMetadata: "customMetadata", onlyIf: "onlyIf",
};

const CONDITION = { etagMatches: "etagMatches", etagDoesNotMatch: "etagDoesNotMatch" };
const READ_CONDITION = { ...CONDITION, uploadedBefore: "uploadedBefore", uploadedAfter: "uploadedAfter" };

/** R2's condition, of these names or a request's headers. One that can't be kept is an error: without it a put would always do. */
function conditionOf(onlyIf, names) {
  if (!(onlyIf instanceof Headers)) {
    if (Object(onlyIf ?? {}).constructor !== Object) throw new TypeError("onlyIf is an object of conditions, or Headers.");
    const known = optionsOf("onlyIf", onlyIf, names);
    const isUndefined = Object.keys(onlyIf ?? {}).length > 0 && Object.keys(known).length === 0;
    if (isUndefined && names === CONDITION) throw new TypeError("onlyIf: what it asks for is undefined.");
    return known;
  }
  const known = { etagMatches: onlyIf.get("if-match"), etagDoesNotMatch: onlyIf.get("if-none-match") };
  const [before, after] = ["if-unmodified-since", "if-modified-since"].map((name) => Date.parse(onlyIf.get(name)));
  // Dates are whole seconds, and count where there is no etag; If-Modified-Since for reads only (RFC 9110, 13.1.3 and 13.1.4).
  if (known.etagMatches === null && !Number.isNaN(before)) known.uploadedBefore = before + 1000;
  if (known.etagDoesNotMatch === null && !Number.isNaN(after) && names === READ_CONDITION) known.uploadedAfter = after + 999;
  return optionsOf("onlyIf", known, names);
}

/** Whether what is there is as R2's condition says. */
function holds({ etagMatches, etagDoesNotMatch, uploadedBefore = Infinity, uploadedAfter = -Infinity }, { etag, written }) {
  const has = (tags, what) => tags.split(",").some((tag) => ["*", etag].includes(quoted(tag.trim().replace(what, ""))));
  return (etagMatches === undefined || has(etagMatches, "")) && (etagDoesNotMatch === undefined || !has(etagDoesNotMatch, /^W\//))
    && written < uploadedBefore && written > uploadedAfter;
}

/** The host's options of a put or a copy, and whether a condition is R2's, which fails with null. */
function putOptions(what, options, type = null) {
  const { httpMetadata, customMetadata, onlyIf, ...known } = optionsOf(what, options, PUT);
  const given = httpMetadata instanceof Headers ? { contentType: httpMetadata.get("content-type") } : httpMetadata;
  const { contentType } = optionsOf("httpMetadata", given, { contentType: "contentType" });
  known.contentType ??= contentType ?? type ?? undefined;
  known.metadata ??= customMetadata;
  const { etagMatches, etagDoesNotMatch } = conditionOf(onlyIf, CONDITION);
  known.ifMatch ??= etagMatches;
  known.ifNoneMatch ??= etagDoesNotMatch;
  for (const name of ["ifMatch", "ifNoneMatch"]) {
    if (known[name] !== undefined) known[name] = quoted(known[name]);
  }
  return [JSON.stringify(known), onlyIf !== undefined];
}

/** Null where R2's condition was not met. */
function orNull(isLenient, act) {
  try {
    return act();
  } catch (error) {
    if (isLenient && error.code === "changed") return null;
    throw error;
  }
}

/** What a value is made of: bytes, or what gives bytes; and its media type. */
function contentOf(value) {
  const isBody = value instanceof Body;
  const [data, type] = isBody ? [takeBody(value), value.headers.get("content-type")] : extract(value);
  // What `String` makes of an object that is none of those that can be put is the name of its kind.
  const isNamed = !isBody && typeof value === "object" && typeof data === "string" && data.startsWith("[object ");
  if (value === undefined || isNamed || (data === null && value instanceof StoredObject)) {
    throw new TypeError(`bucket: ${isNamed ? data : value === undefined ? "undefined" : "what is only said of an object"} is no content.`);
  }
  return [data === null ? EMPTY : typeof data === "string" ? utf8Encode(data) : data, type];
}

/** The pieces of a content, none of them too large. */
async function* pieces(data) {
  if (data instanceof Uint8Array) {
    for (let at = 0; at < data.length; at += PIECE) yield data.subarray(at, at + PIECE);
  } else if (data instanceof HostBody) {
    for (let part = await data.next(); part !== null; part = await data.next()) yield* pieces(part);
  } else {
    for await (const part of data) {
      if (typeof part !== "string" && !(part instanceof Uint8Array)) throw new TypeError("bucket: the stream gives something that is not bytes.");
      yield* pieces(typeof part === "string" ? utf8Encode(part) : part);
    }
  }
}

const RANGE = /^bytes=(\d*)-(\d*)$/;

/** The bytes that are wanted, by `{ offset, length }`, `{ suffix }` or a request's headers. */
function rangeOf(range) {
  if (!(range instanceof Headers)) return range;
  const [, from, to] = RANGE.exec(range.get("range") ?? "") ?? [];
  if (from === undefined || from + to === "") return undefined;
  const [first, last] = [from, to].map((digits) => Math.min(Number(digits), Number.MAX_SAFE_INTEGER));
  if (from === "") return { suffix: last };
  if (to === "") return { offset: first };
  return last < first ? undefined : { offset: first, length: last - first + 1 };
}

/** The content of an object that is being read. It ends with its last byte, or when nobody can ask for it any more. */
function bodyOf(download, call) {
  const source = {
    async next() {
      const value = call(() => download.read(SMALL)) ?? null;
      return { value, done: value === null || value.length === 0 };
    },
    drop: () => drop(download),
  };
  return new HostBody(() => [source, { read: async () => undefined, drop() {} }, null]);
}

/** Objects under keys. */
class Bucket {
  static name = "Bucket";
  #name;
  /** Whether it is used as the caller. */
  #isCallers;

  constructor(name, isCallers = false) {
    this.#name = name;
    this.#isCallers = isCallers;
  }

  get name() {
    return this.#name;
  }

  get #what() {
    return `bucket "${this.#name}"`;
  }

  #with(act) {
    return withHandle(StorageError, this.#what, () => this.#handle(), act);
  }

  #handle() {
    return this.#isCallers ? HostBucket.openAsCaller(this.#name) : HostBucket.open(this.#name);
  }

  #call(act) {
    try {
      return act();
    } catch (thrown) {
      throw failureOf(StorageError, this.#what, thrown);
    }
  }

  /** Puts an object, and gives what is said of it then. */
  async put(key, value, options) {
    requireLive(this.#what);
    const name = keyOf(key);
    const [data, type] = contentOf(value);
    const [known, isLenient] = putOptions("put", options, type);
    if (data instanceof Uint8Array && data.length <= PIECE) {
      const said = orNull(isLenient, () => this.#with((bucket) => bucket.put(name, data, known)));
      return said === null ? null : new StoredObject(JSON.parse(said));
    }
    const upload = orNull(isLenient, () => this.#with((bucket) => bucket.upload(name, known)));
    if (upload === null) return null;
    try {
      for await (const piece of pieces(data)) this.#call(() => upload.write(piece));
      const said = orNull(isLenient, () => this.#call(() => upload.finish()));
      return said === null ? null : new StoredObject(JSON.parse(said));
    } finally {
      drop(upload);
    }
  }

  /** An object with its content, or null: `{ range?, ifMatch?, onlyIf? }`. */
  async get(key, options) {
    const known = optionsOf("get", options, { range: "range", ifMatch: "ifMatch", onlyIf: "onlyIf" });
    const name = keyOf(key);
    const onlyIf = conditionOf(known.onlyIf, READ_CONDITION);
    let range = rangeOf(known.range);
    if (range?.suffix !== undefined) {
      const found = await this.head(name);
      if (found === null) return null;
      range = { offset: Math.max(0, found.size - range.suffix), length: Math.min(found.size, range.suffix) };
      known.ifMatch ??= found.httpEtag;
    }
    const wanted = { ...range };
    if (known.ifMatch !== undefined) wanted.ifMatch = quoted(known.ifMatch);
    const download = this.#with((bucket) => bucket.download(name, JSON.stringify(wanted))) ?? null;
    return download === null ? null : this.#opened(download, range, onlyIf);
  }

  #opened(download, range, onlyIf) {
    const info = JSON.parse(this.#call(() => download.info()));
    if (!holds(onlyIf, info)) {
      drop(download);
      return new StoredObject(info);
    }
    const offset = range?.offset ?? 0;
    const length = Math.max(0, Math.min(range?.length ?? Infinity, info.size - offset));
    const resolved = range === undefined ? undefined : { offset, length };
    if (length > SMALL) return new StoredObject(info, bodyOf(download, (act) => this.#call(act)), resolved);
    const parts = [];
    for (let left = length; left > 0; ) {
      const part = this.#call(() => download.read(left));
      if (part === null || part === undefined) break;
      parts.push(part);
      left -= part.length;
    }
    drop(download);
    return new StoredObject(info, parts.length === 1 ? parts[0] : joined(parts), resolved);
  }

  /** What is said of an object, or null. */
  async head(key) {
    const said = this.#with((bucket) => bucket.head(keyOf(key))) ?? null;
    return said === null ? null : new StoredObject(JSON.parse(said));
  }

  /** Deletes an object, or several; says of one whether it was there. */
  async delete(key, options) {
    const { ifMatch } = optionsOf("delete", options, { ifMatch: "ifMatch" });
    const known = ifMatch === undefined ? "" : JSON.stringify({ ifMatch: quoted(ifMatch) });
    if (!Array.isArray(key)) return this.#with((bucket) => bucket.delete(keyOf(key), known));
    const names = key.map(keyOf);
    return this.#with((bucket) => names.forEach((name) => bucket.delete(name, known)));
  }

  /** Objects in order of their keys: `{ prefix?, limit?, cursor? }`. */
  async list(options) {
    const known = optionsOf("list", options, { prefix: "prefix", limit: "limit", cursor: "cursor", include: "include" });
    delete known.include;
    const said = this.#with((bucket) => bucket.list(JSON.stringify({ limit: PAGE, ...known })));
    const { objects, cursor } = JSON.parse(said);
    const listed = { objects: objects.map((info) => new StoredObject(info)), truncated: cursor !== undefined, delimitedPrefixes: [] };
    return cursor === undefined ? listed : { ...listed, cursor };
  }

  /** Copies an object to another key, here or in `bucket`, whose name alone is for one that is used as this is; null where there is none. */
  async copy(key, to, options) {
    // One that is undefined, such as a binding that is not there, is not this one.
    const { bucket: other, ...rest } = { bucket: this, ...options };
    const [name, toName] = [keyOf(key), keyOf(to)];
    const [known, isLenient] = putOptions("copy", rest);
    const target = other instanceof Bucket ? other : new Bucket(textOf("The name of a bucket", other), this.#isCallers);
    const copy = (from) => {
      const into = target === this ? from : target.#handle();
      try {
        return from.copy(name, into, toName, known) ?? null;
      } finally {
        if (into !== from) drop(into);
      }
    };
    const said = orNull(isLenient, () => this.#with(copy));
    return said === null ? null : new StoredObject(JSON.parse(said));
  }

  /** A path by which anybody may get the object, or put one, for `expiresIn` seconds. */
  async signedUrl(key, { method = "GET", expiresIn = HOUR, ...options } = {}) {
    const known = Object.keys(options).length === 0 ? "" : JSON.stringify(options);
    const name = keyOf(key);
    return this.#with((bucket) => bucket.sign(String(method).toLowerCase(), name, Number(expiresIn), known));
  }
}

function joined(parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

kinds.bucket = Bucket;

/** The buckets of the project: `import { storage } from "ostro"`. */
export const storage = {
  /** The bucket of that name; with `{ as: "caller" }` under its rules, as whoever calls. */
  bucket: (name, options) => new Bucket(String(name), isAsCaller("A bucket", options)),
};
