// Key-value namespaces, in the shape that Workers have for them.

import { requireLive } from "./life.js";
import { Response } from "./response.js";
import { bytesOf, isBufferSource, utf8Decode, utf8Encode } from "./text.js";
import { Cas, addTo, deleteMany, drop, getMany, hostError, openBucket, refusal, swapCas } from "./wit.js";

const HINT = "the function's log names the grant to add";
const PAGE = 1000;
const MAX_VALUE_BYTES = 1 << 20;
const MAX_KEYS = 1000;

const READERS = {
  text: (bytes) => utf8Decode(bytes),
  json: (bytes) => JSON.parse(utf8Decode(bytes)),
  arrayBuffer: (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
  stream: (bytes) => new Response(bytes).body,
};

export function reader(options) {
  const type = (typeof options === "string" ? options : options?.type) ?? "text";
  const read = READERS[type];
  if (read === undefined) throw new TypeError(`kv: "${type}" is none of text, json, arrayBuffer and stream.`);
  return (bytes) => (bytes === null || bytes === undefined ? null : read(bytes));
}

export async function bytesFor(value) {
  const bytes =
    typeof value === "string" ? utf8Encode(value)
    : isBufferSource(value) ? bytesOf(value)
    : typeof value?.getReader === "function" ? new Uint8Array(await new Response(value).arrayBuffer())
    : null;
  if (bytes === null) throw new TypeError("kv: a value is a string, an ArrayBuffer or a view of one, or a ReadableStream.");
  // More than some megabytes would end the instance on the way to the host, which says no less.
  if (bytes.length > MAX_VALUE_BYTES) throw new RangeError(`kv: a value has 1 MiB at most, and this one has ${bytes.length} bytes.`);
  return bytes;
}

/** The text of a key. `String` would make one of anything, and act on the key "undefined". */
export function textOf(what, value) {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  throw new TypeError(`${what} is a string, not ${value === null ? "null" : typeof value}.`);
}

const keyOf = (key) => textOf("A key", key);

function several(keys) {
  if (keys.length > MAX_KEYS) throw new RangeError(`kv: a call has at most ${MAX_KEYS} keys.`);
  return keys.map(keyOf);
}

function refuseUnknown(options) {
  for (const name of ["expiration", "expirationTtl"]) {
    if (options?.[name] !== undefined) {
      throw new TypeError(`kv: no ${name} for one key: how long values last is \`ttl\` of [kv.NAME] in ostro.toml.`);
    }
  }
  if (options?.metadata !== undefined && options.metadata !== null) throw new TypeError("kv: values have no metadata.");
}

/** A namespace of the project. */
export class KVNamespace {
  static name = "KVNamespace";
  #name;

  constructor(name) {
    this.#name = name;
  }

  get name() {
    return this.#name;
  }

  /** Opens the namespace for one act: handles of one invocation are none of the next. */
  #with(act) {
    requireLive("A key-value namespace");
    let bucket = null;
    try {
      bucket = openBucket(this.#name);
      return act(bucket);
    } catch (thrown) {
      const error = refusal(`kv "${this.#name}"`, thrown);
      if (error.code === "access-denied") error.message += `: ${HINT}`;
      throw error;
    } finally {
      if (bucket !== null) drop(bucket);
    }
  }

  /** The value of a key, or a Map of several; null where there is none. */
  async get(key, options) {
    const read = reader(options);
    if (!Array.isArray(key)) return read(this.#with((bucket) => bucket.get(keyOf(key))));
    const pairs = this.#with((bucket) => getMany(bucket, several(key)));
    return new Map(pairs.map(([name, value]) => [name, read(value)]));
  }

  async getWithMetadata(key, options) {
    const found = await this.get(key, options);
    if (!Array.isArray(key)) return { value: found, metadata: null };
    return new Map(Array.from(found, ([name, value]) => [name, { value, metadata: null }]));
  }

  /** Sets a value; it is on the disk when the promise resolves. */
  async put(key, value, options) {
    refuseUnknown(options);
    const bytes = await bytesFor(value);
    this.#with((bucket) => bucket.set(keyOf(key), bytes));
  }

  /** Removes a key, or several at once. */
  async delete(key) {
    if (!Array.isArray(key)) return this.#with((bucket) => bucket.delete(keyOf(key)));
    return this.#with((bucket) => deleteMany(bucket, several(key)));
  }

  /** Keys in order: `{ prefix?, limit?, cursor? }`. */
  async list(options) {
    const prefix = String(options?.prefix ?? "");
    const limit = Number(options?.limit ?? PAGE);
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= PAGE)) throw new TypeError(`kv: limit is a whole number from 1 to ${PAGE}.`);
    const cursor = options?.cursor || null;
    return this.#with((bucket) => {
      const keys = [];
      // A page begins behind a key: with a prefix behind the prefix itself, which may be a key too.
      let after = cursor ?? (prefix === "" ? null : prefix);
      if (cursor === null && prefix !== "" && bucket.exists(prefix)) keys.push(prefix);
      for (;;) {
        const page = bucket.listKeys(after);
        for (const key of page.keys) {
          if (!key.startsWith(prefix)) return listed(keys);
          if (keys.length === limit) return listed(keys, keys.at(-1));
          keys.push(key);
        }
        after = page.cursor ?? null;
        if (after === null) return listed(keys);
      }
    });
  }

  /** Adds to the number under a key, 0 where there is none, and gives the sum. */
  async increment(key, by = 1) {
    if (!Number.isSafeInteger(by)) throw new TypeError("kv: what is added is a whole number.");
    return Number(this.#with((bucket) => addTo(bucket, keyOf(key), by)));
  }

  /** Sets what `change` makes of the value, and gives it. `change` is called again when another write came in between. */
  async update(key, change, options) {
    const read = reader(options);
    for (;;) {
      const cas = this.#with((bucket) => Cas.new(bucket, keyOf(key)));
      try {
        const value = await change(read(cas.current()));
        const bytes = await bytesFor(value);
        if (this.#with(() => isSwapped(cas, bytes))) return value;
      } finally {
        // A swap has taken it.
        drop(cas);
      }
    }
  }
}

/** False when another write came first. */
function isSwapped(cas, bytes) {
  try {
    swapCas(cas, bytes);
    return true;
  } catch (thrown) {
    const error = hostError(thrown);
    if (error?.tag === "cas-failed") {
      drop(error.val);
      return false;
    }
    throw error?.tag === "store-error" ? Object.assign(new Error(), { payload: error.val }) : thrown;
  }
}

const listed = (keys, cursor) => ({
  keys: keys.map((name) => ({ name })),
  list_complete: cursor === undefined,
  ...(cursor === undefined ? {} : { cursor }),
});

/** The namespace of that name: `import { kv } from "ostro"`. */
export const kv = (name) => new KVNamespace(String(name));
