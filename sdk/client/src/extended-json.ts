// Values of the program as the JSON of documents, and back: dates, bytes, integers of 64 bits and patterns have forms of
// their own there, as in MongoDB's relaxed Extended JSON. Functions in JavaScript do it in the same way.

const FLAGS = /[^ims]/g;
/** Characters that `String.fromCharCode` is given at once. */
const SOME_BYTES = 0x2000;

/** What is stored, as JSON can say it. What is undefined is left out. */
export const stored = (value: unknown): unknown => plain(value, null);

/** What is asked, as JSON can say it: without what is undefined a filter would be for everything, so that is an error. */
export const asked = (value: unknown, path = ""): unknown => plain(value, path);

/** `path` is where the value stands, for an error; null where undefined is left out. */
function plain(value: unknown, path: string | null): unknown {
  switch (typeof value) {
    case "number":
      return number(value);
    case "bigint":
      return { $numberLong: String(value) };
    case "object":
      return value === null ? null : object(value, path);
    case "string":
    case "boolean":
      return value;
  }
  if (path === null) return undefined;
  throw new TypeError(`"${path}" is ${typeof value}: leave it out, or say null.`);
}

// Integers beyond 2^53 would be stored as integers, which the number is not: it is a double, and comes back as one.
const number = (value: number) =>
  Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)) ? value : { $numberDouble: String(value) };

function object(value: object, path: string | null): unknown {
  if (value instanceof Date) return { $date: value.getTime() };
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { $binary: { base64: base64(value), subType: "00" } };
  if (value instanceof RegExp) return pattern(value);
  const inner = (element: unknown, key: string | number) =>
    plain(element, path ? `${path}.${key}` : path === null ? null : String(key));
  // An array keeps its places.
  if (Array.isArray(value)) return Array.from(value, (element, at) => inner(element, at) ?? null);
  if ("toJSON" in value && typeof value.toJSON === "function") return plain(value.toJSON(), path);
  if (value instanceof Set || value instanceof Promise) throw new TypeError(`A ${value.constructor.name} has no form here.`);
  const entries = value instanceof Map ? value : Object.entries(value);
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, element] of entries) copy[key] = inner(element, key);
  return copy;
}

function base64(value: ArrayBuffer | ArrayBufferView): string {
  const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += SOME_BYTES) text += String.fromCharCode(...bytes.subarray(at, at + SOME_BYTES));
  return btoa(text);
}

function pattern({ source, flags }: RegExp): unknown {
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
export function decode(text: string): unknown {
  const json = HAS_LONG.test(text) ? text.replace(TOKEN, (token) => (isLong(token) ? `{"$numberLong":"${token}"}` : token)) : text;
  return JSON.parse(json, HAS_FORM.test(json) ? revived : undefined);
}

const isLong = (token: string) => LONG.test(token) && !Number.isSafeInteger(Number(token));

const FORMS: Record<string, (value: never) => unknown> = {
  $date: (value: string | number | bigint) => new Date(typeof value === "bigint" ? Number(value) : value),
  $binary: (value: { base64: string }) => Uint8Array.from(atob(value.base64), (character) => character.charCodeAt(0)),
  $numberDouble: (digits: string) => Number(digits),
  $numberLong: (digits: string) => (Number.isSafeInteger(Number(digits)) ? Number(digits) : BigInt(digits)),
};

/** Called with what is inside first. */
function revived(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const [name = "", ...others] = Object.keys(value);
  if (others.length > 0 || !Object.hasOwn(FORMS, name)) return value;
  return FORMS[name]?.((value as Record<string, never>)[name] as never);
}
