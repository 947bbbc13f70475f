// Values of the program as the JSON of documents, and back: dates, bytes, integers of 64 bits and patterns have forms of
// their own there, as in MongoDB's relaxed Extended JSON.

import { bytesOf, isBufferSource } from "./own.js";

const MOST_LEVELS = 110;
const INT64_MAX = 2n ** 63n - 1n;
const FLAGS = /[^ims]/g;

/** The JSON of a value. What is undefined is left out. */
export const encode = (value) => JSON.stringify(plain(value, 0));

function plain(value, level) {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? value : { $numberDouble: String(value) };
    case "bigint":
      return integer(value);
    case "object":
      return value === null ? null : object(value, level);
    default:
      return value;
  }
}

function integer(value) {
  if (value > INT64_MAX || value < -INT64_MAX - 1n) throw new RangeError(`${value} has more than 64 bits.`);
  return JSON.rawJSON(String(value));
}

function object(value, level) {
  if (level > MOST_LEVELS) throw new TypeError("The value contains itself, or has more than 100 levels.");
  if (value instanceof Date) return { $date: time(value) };
  if (isBufferSource(value)) return { $binary: { base64: bytesOf(value).toBase64(), subType: "00" } };
  if (value instanceof RegExp) return pattern(value);
  if (Array.isArray(value)) return value.map((element) => plain(element, level + 1));
  if (typeof value.toJSON === "function") return plain(value.toJSON(), level + 1);
  const copy = { __proto__: null };
  for (const key of Object.keys(value)) copy[key] = plain(value[key], level + 1);
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

/** The value of a JSON text. Integers that a number does not hold are BigInts. */
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
