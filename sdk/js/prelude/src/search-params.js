// URLSearchParams, and application/x-www-form-urlencoded both ways.

import { utf8Decode, latin1Encode } from "./text.js";

const PLUS = /\+/g;
const NEEDS_BYTES = /%[89a-f]/i;

/** Decodes `%41` and `+`; what is not UTF-8 becomes U+FFFD. */
function decodePart(text) {
  if (!text.includes("%") && !text.includes("+")) return text;
  const spaced = text.replace(PLUS, " ");
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    // A stray percent sign or bytes that are not UTF-8.
    const utf8 = unescape(encodeURIComponent(spaced.toWellFormed()));
    const bytes = utf8.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
    return NEEDS_BYTES.test(spaced) || bytes !== utf8 || /[^\x00-\x7f]/.test(bytes) ? utf8Decode(latin1Encode(bytes)) : bytes;
  }
}

const HEX = { "!": "%21", "'": "%27", "(": "%28", ")": "%29", "~": "%7E", "%20": "+" };
const encodePart = (text) => encodeURIComponent(text.toWellFormed()).replace(/[!'()~]|%20/g, (match) => HEX[match]);

/** The pairs of a form or a query, without its question mark. */
export function parseForm(text) {
  const pairs = [];
  if (text === "") return pairs;
  for (const part of text.split("&")) {
    if (part === "") continue;
    const at = part.indexOf("=");
    if (at < 0) pairs.push([decodePart(part), ""]);
    else pairs.push([decodePart(part.slice(0, at)), decodePart(part.slice(at + 1))]);
  }
  return pairs;
}

/** The text of pairs as a form. */
export const serializeForm = (pairs) => pairs.map(([name, value]) => `${encodePart(name)}=${encodePart(value)}`).join("&");

/** Pairs of whatever `new URLSearchParams` takes. */
function pairsOf(init) {
  if (init === undefined || init === null) return [];
  if (typeof init !== "object" && typeof init !== "function") {
    const text = String(init).toWellFormed();
    return parseForm(text.startsWith("?") ? text.slice(1) : text);
  }
  if (typeof init[Symbol.iterator] === "function") {
    return Array.from(init, (pair) => {
      const both = [...pair];
      if (both.length !== 2) throw new TypeError("URLSearchParams: each pair is a name and a value.");
      return both.map((text) => String(text).toWellFormed());
    });
  }
  const seen = new Map();
  for (const key of Reflect.ownKeys(init)) {
    if (typeof key === "string" && Object.prototype.propertyIsEnumerable.call(init, key)) {
      seen.set(key.toWellFormed(), String(init[key]).toWellFormed());
    }
  }
  return [...seen];
}

let bind;
let refill;

export class URLSearchParams {
  #pairs;
  #changed = null;

  constructor(init = "") {
    this.#pairs = pairsOf(init);
  }

  static {
    bind = (params, changed) => {
      params.#changed = changed;
      return params;
    };
    refill = (params, query) => {
      params.#pairs = parseForm(query);
    };
  }

  #update() {
    this.#changed?.(serializeForm(this.#pairs));
  }

  get size() {
    return this.#pairs.length;
  }

  append(name, value) {
    this.#pairs.push([String(name).toWellFormed(), String(value).toWellFormed()]);
    this.#update();
  }

  delete(name, value) {
    const key = String(name);
    const only = value === undefined ? undefined : String(value);
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== key || (only !== undefined && pair[1] !== only));
    this.#update();
  }

  get(name) {
    const key = String(name);
    return this.#pairs.find((pair) => pair[0] === key)?.[1] ?? null;
  }

  getAll(name) {
    const key = String(name);
    return this.#pairs.filter((pair) => pair[0] === key).map((pair) => pair[1]);
  }

  has(name, value) {
    const key = String(name);
    return this.#pairs.some((pair) => pair[0] === key && (value === undefined || pair[1] === String(value)));
  }

  set(name, value) {
    const key = String(name).toWellFormed();
    const text = String(value).toWellFormed();
    const first = this.#pairs.find((pair) => pair[0] === key);
    if (first === undefined) this.#pairs.push([key, text]);
    else first[1] = text;
    this.#pairs = this.#pairs.filter((pair) => pair === first || pair[0] !== key);
    this.#update();
  }

  sort() {
    this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    this.#update();
  }

  forEach(callback, thisArg) {
    for (const [name, value] of this) callback.call(thisArg, value, name, this);
  }

  *entries() {
    for (let at = 0; at < this.#pairs.length; at += 1) yield [...this.#pairs[at]];
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

  toString() {
    return serializeForm(this.#pairs);
  }

  get [Symbol.toStringTag]() {
    return "URLSearchParams";
  }
}

/** Tells `changed` the new text whenever these parameters change. */
export const bindParams = (params, changed) => bind(params, changed);

/** Replaces the parameters by those of a query. */
export const refillParams = (params, query) => refill(params, query);
