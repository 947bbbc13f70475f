// Headers: an ordered list of pairs, in lower case, made from the host's only when someone looks.

import { latin1Decode, latin1Encode } from "./text.js";

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const BAD_VALUE = /[\0\r\n]|[^\x00-\xff]/;
const TRIM = /^[\t\n\r ]+|[\t\n\r ]+$/g;

const nameOf = (name) => {
  const text = String(name);
  if (!NAME.test(text)) throw new TypeError(`Headers: "${text}" is not a header name.`);
  return text.toLowerCase();
};

const valueOf = (value) => {
  const text = String(value).replace(TRIM, "");
  if (BAD_VALUE.test(text)) throw new TypeError("Headers: a value has a line break or a character beyond Latin-1.");
  return text;
};

let listOf;
let make;

export class Headers {
  #list = [];
  #source = null;
  #immutable = false;

  constructor(init) {
    if (init === undefined || init === null) return;
    if (typeof init !== "object") throw new TypeError("Headers: give an object, pairs or Headers.");
    if (init instanceof Headers) this.#list = init.#pairs().map((pair) => [...pair]);
    else if (typeof init[Symbol.iterator] === "function") this.#fillFromPairs(init);
    else for (const key of Reflect.ownKeys(init)) this.#fillFromRecord(init, key);
  }

  static {
    listOf = (headers) => headers.#pairs();
    make = (source, immutable) => {
      const headers = new Headers();
      headers.#source = source;
      headers.#immutable = immutable;
      return headers;
    };
  }

  #fillFromPairs(pairs) {
    for (const pair of pairs) {
      const both = [...pair];
      if (both.length !== 2) throw new TypeError("Headers: each pair is a name and a value.");
      this.append(both[0], both[1]);
    }
  }

  #fillFromRecord(record, key) {
    if (!Object.prototype.propertyIsEnumerable.call(record, key)) return;
    if (typeof key === "symbol") throw new TypeError("Headers: a symbol is not a header name.");
    this.append(key, record[key]);
  }

  #pairs() {
    if (this.#source !== null) {
      this.#list = this.#source();
      this.#source = null;
    }
    return this.#list;
  }

  #change() {
    if (this.#immutable) throw new TypeError("These headers cannot be changed: copy them with new Headers(headers).");
    return this.#pairs();
  }

  append(name, value) {
    const pair = [nameOf(name), valueOf(value)];
    this.#change().push(pair);
  }

  delete(name) {
    const key = nameOf(name);
    this.#list = this.#change().filter((pair) => pair[0] !== key);
  }

  get(name) {
    const key = nameOf(name);
    let found = null;
    for (const pair of this.#pairs()) {
      if (pair[0] === key) found = found === null ? pair[1] : `${found}, ${pair[1]}`;
    }
    return found;
  }

  getSetCookie() {
    return this.#pairs().filter((pair) => pair[0] === "set-cookie").map((pair) => pair[1]);
  }

  has(name) {
    const key = nameOf(name);
    return this.#pairs().some((pair) => pair[0] === key);
  }

  set(name, value) {
    const key = nameOf(name);
    const text = valueOf(value);
    const first = this.#change().find((pair) => pair[0] === key);
    if (first === undefined) {
      this.#list.push([key, text]);
      return;
    }
    first[1] = text;
    this.#list = this.#list.filter((pair) => pair === first || pair[0] !== key);
  }

  forEach(callback, thisArg) {
    for (const [name, value] of this) callback.call(thisArg, value, name, this);
  }

  /** Sorted by name, values of one name joined; cookies apart, since a comma may stand in one. */
  #sorted() {
    const joined = new Map();
    const result = [];
    for (const [name, value] of this.#pairs()) {
      if (name === "set-cookie") {
        result.push([name, value]);
      } else if (joined.has(name)) {
        joined.get(name)[1] += `, ${value}`;
      } else {
        const pair = [name, value];
        joined.set(name, pair);
        result.push(pair);
      }
    }
    return result.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  }

  *entries() {
    for (let at = 0; ; at += 1) {
      const sorted = this.#sorted();
      if (at >= sorted.length) return;
      yield sorted[at];
    }
  }

  *keys() {
    for (const [name] of this.entries()) yield name;
  }

  *values() {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  get [Symbol.toStringTag]() {
    return "Headers";
  }
}

/** Headers of a message from the host, read from it when someone first looks. */
export const lazyHeaders = (fields, immutable) =>
  make(() => {
    const held = fields();
    const pairs = held.copyAll().map(([name, value]) => [name.toLowerCase(), latin1Decode(value)]);
    held[Symbol.dispose]();
    return pairs;
  }, immutable);

/** The pairs behind headers; not to be changed. */
export const headerPairs = (headers) => listOf(headers);

// Values that nearly every answer has, converted once, in the snapshot.
const KNOWN = new Map(
  ["text/plain;charset=UTF-8", "application/json", "text/html; charset=utf-8", "text/html;charset=utf-8",
    "text/html; charset=UTF-8", "text/html", "text/css", "*/*"].map((value) => [value, latin1Encode(value)]),
);

/** A pair as the host takes it. */
export const hostPair = ([name, value]) => [name, KNOWN.get(value) ?? latin1Encode(value)];
