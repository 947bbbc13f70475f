// Values of the program as the JSON of documents, and back: dates, bytes, integers of 64 bits and patterns have forms of
// their own there, as in MongoDB's relaxed Extended JSON.

import { bytesOf, isBufferSource } from "./own.js";

const MOST_LEVELS = 110;
const INT64_MAX = 2n ** 63n - 1n;
const FLAGS = /[^ims]/g;

/** The JSON of what is stored. What is undefined is left out. */
export const encode = (value) => JSON.stringify(plain(value, 0, null));

/** The JSON of what is asked: without what is undefined a filter would be for everything, so that is an error. */
export const encodeStrict = (value, path = "") => JSON.stringify(plain(value, 0, path));

/** `path` is where the value stands, for an error; null where undefined is left out. */
function plain(value, level, path) {
  switch (typeof value) {
    case "number":
      return number(value);
    case "bigint":
      return integer(value);
    case "object":
      return value === null ? null : object(value, level, path);
    case "string":
    case "boolean":
      return value;
  }
  if (path === null) return value;
  throw new TypeError(`"${path}" is ${typeof value}: leave the field out to ask for all, or say null for what is not there.`);
}

function number(value) {
  if (!Number.isFinite(value)) return { $numberDouble: String(value) };
  // With an exponent it is stored as the double that it is, and comes back as one: integers of that size are BigInts.
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? JSON.rawJSON(value.toExponential()) : value;
}

function integer(value) {
  if (value > INT64_MAX || value < -INT64_MAX - 1n) throw new RangeError(`${value} has more than 64 bits.`);
  return JSON.rawJSON(String(value));
}

function object(value, level, path) {
  if (level > MOST_LEVELS) throw new TypeError("The value contains itself, or has more than 100 levels.");
  if (value instanceof Date) return { $date: time(value) };
  if (isBufferSource(value)) return { $binary: { base64: bytesOf(value).toBase64(), subType: "00" } };
  if (value instanceof RegExp) return pattern(value);
  const inner = (element, key) => plain(element, level + 1, path ? `${path}.${key}` : path === null ? null : String(key));
  if (Array.isArray(value)) return value.map(inner);
  if (typeof value.toJSON === "function") return plain(value.toJSON(), level + 1, path);
  if (value instanceof Set || value instanceof Promise) throw new TypeError(`${value} has no form in a document.`);
  const copy = { __proto__: null };
  if (value instanceof Map) value.forEach((element, key) => (copy[key] = inner(element, key)));
  else for (const key of Object.keys(value)) copy[key] = inner(value[key], key);
  return copy;
}

function time(date) {
  const ms = date.getTime();
  if (Number.isNaN(ms)) throw new RangeError("A date is invalid.");
  return ms;
}

function pattern({ source, flags }) {
  const options = flags.replace(FLAGS, "");
  return options === "" ? { $regex: source } : { $regex: source, $options: options };
}

// Whether a text has anything that JSON.parse would not give as it should.
const HAS_LONG = /\d{16}/;
const HAS_FORM = /"\$(?:date|binary|numberDouble|numberLong)"/;
// A string, which stays as it is, or a number.
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
const LONG = /^-?\d{16,}$/;

/** The value of a JSON text. Integers beyond 2^53 are BigInts, since a number holds only some of them. */
export function decode(text) {
  let forms = HAS_FORM.test(text);
  let json = text;
  if (HAS_LONG.test(text)) {
    json = text.replace(TOKEN, (token) =>
      LONG.test(token) && !Number.isSafeInteger(Number(token)) ? `{"$numberLong":"${token}"}` : token,
    );
    forms ||= json !== text;
  }
  const value = JSON.parse(json);
  return forms ? revived(value) : value;
}

const FORMS = {
  $date: (value) => new Date(typeof value === "object" ? Number(revived(value)) : value),
  $binary: (value) => Uint8Array.fromBase64(value.base64),
  $numberDouble: Number,
  $numberLong(digits) {
    const value = BigInt(digits);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  },
};

function revived(value) {
  if (typeof value !== "object" || value === null) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && Object.hasOwn(FORMS, keys[0]) && !Array.isArray(value)) return FORMS[keys[0]](value[keys[0]]);
  for (const key of keys) value[key] = revived(value[key]);
  return value;
}
