// FormData, and multipart/form-data (RFC 7578) both ways.

import { Blob, File, blobBytes } from "./blob.js";
import { parseForm } from "./search-params.js";
import { concat, latin1Decode, latin1Encode, utf8Decode, utf8DecodeWithoutMark, utf8Encode } from "./text.js";

/** An entry's value as FormData keeps it: a string, or a File. */
function entryValue(value, filename) {
  if (!(value instanceof Blob)) return String(value).toWellFormed();
  if (value instanceof File && filename === undefined) return value;
  const name = filename ?? (value instanceof File ? value.name : "blob");
  return new File([value], name, { type: value.type, lastModified: value.lastModified });
}

export class FormData {
  #entries = [];

  constructor(form) {
    if (form !== undefined) throw new TypeError("FormData: there are no forms to read here; call it without arguments.");
  }

  append(name, value, filename) {
    this.#entries.push([String(name).toWellFormed(), entryValue(value, filename)]);
  }

  delete(name) {
    this.#entries = this.#entries.filter((entry) => entry[0] !== String(name));
  }

  get(name) {
    return this.#entries.find((entry) => entry[0] === String(name))?.[1] ?? null;
  }

  getAll(name) {
    return this.#entries.filter((entry) => entry[0] === String(name)).map((entry) => entry[1]);
  }

  has(name) {
    return this.#entries.some((entry) => entry[0] === String(name));
  }

  set(name, value, filename) {
    const key = String(name).toWellFormed();
    const entry = [key, entryValue(value, filename)];
    const at = this.#entries.findIndex((other) => other[0] === key);
    this.#entries = this.#entries.filter((other, index) => other[0] !== key || index === at);
    if (at < 0) this.#entries.push(entry);
    else this.#entries[at] = entry;
  }

  forEach(callback, thisArg) {
    for (const [name, value] of this) callback.call(thisArg, value, name, this);
  }

  *entries() {
    for (let at = 0; at < this.#entries.length; at += 1) yield [...this.#entries[at]];
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
    return "FormData";
  }
}

const quote = (text) => text.replace(/\r\n|\r|\n/g, "\r\n").replace(/[\r\n"]/g, (c) => ({ "\r": "%0D", "\n": "%0A", '"': "%22" })[c]);

/** The bytes of a form and their content type. */
export function encodeMultipart(form) {
  const boundary = `----ostro${crypto.randomUUID().replaceAll("-", "")}`;
  const parts = [];
  for (const [name, value] of form) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quote(name)}"`;
    if (typeof value === "string") {
      parts.push(utf8Encode(`${head}\r\n\r\n${value.replace(/\r\n|\r|\n/g, "\r\n")}\r\n`));
      continue;
    }
    const type = value.type === "" ? "application/octet-stream" : value.type;
    parts.push(utf8Encode(`${head}; filename="${quote(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`));
    parts.push(blobBytes(value), latin1Encode("\r\n"));
  }
  parts.push(latin1Encode(`--${boundary}--\r\n`));
  return [concat(parts), `multipart/form-data; boundary=${boundary}`];
}

/** A parameter of a header's value, such as `name` of `form-data; name="x"`, or null. */
function parameter(value, name) {
  const match = new RegExp(`;\\s*${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, "i").exec(value);
  if (match === null) return null;
  return match[1] === undefined ? match[2] : match[1].replace(/\\(["\\])/g, "$1");
}

const unquote = (text) => text.replace(/%0D|%0A|%22/gi, (code) => decodeURIComponent(code));

/** The headers of a part, of which the text is Latin-1. */
function partHead(text) {
  const head = { disposition: "", type: "" };
  for (const line of text.split("\r\n")) {
    const at = line.indexOf(":");
    const name = line.slice(0, at).trim().toLowerCase();
    if (name === "content-disposition") head.disposition = utf8Decode(latin1Encode(line.slice(at + 1)));
    if (name === "content-type") head.type = line.slice(at + 1).trim();
  }
  return head;
}

/** Adds the part between two boundaries to a form; false if it is none. */
function addPart(form, part) {
  const split = part.startsWith("\r\n") ? part.indexOf("\r\n\r\n") : -1;
  if (split < 0) return false;
  const { disposition, type } = partHead(part.slice(2, split));
  const name = parameter(disposition, "name");
  if (!/^\s*form-data/i.test(disposition) || name === null) return false;
  const content = latin1Encode(part.slice(split + 4));
  const filename = parameter(disposition, "filename");
  if (filename === null) form.append(unquote(name), utf8DecodeWithoutMark(content));
  else form.append(unquote(name), new File([content], unquote(filename), { type: type === "" ? "text/plain" : type }));
  return true;
}

/** Reads multipart. The text is searched as Latin-1, one character a byte, since searching text is native. */
function parseMultipart(bytes, boundary) {
  const form = new FormData();
  const mark = `\r\n--${boundary}`;
  const text = `\r\n${bytes.length === 0 ? "" : latin1Decode(bytes)}`;
  let from = text.indexOf(mark);
  while (from >= 0 && !text.startsWith("--", from + mark.length)) {
    const start = from + mark.length;
    const end = text.indexOf(mark, start);
    if (end < 0 || !addPart(form, text.slice(start, end).replace(/^[ \t]+/, ""))) from = -1;
    else from = end;
  }
  if (from < 0) throw new TypeError("The body is not multipart/form-data with the boundary that its content type names.");
  return form;
}

/** Reads a form of either content type. */
export function parseFormData(bytes, type) {
  const essence = type.split(";", 1)[0].trim().toLowerCase();
  if (essence === "application/x-www-form-urlencoded") {
    const form = new FormData();
    for (const [name, value] of parseForm(utf8DecodeWithoutMark(bytes))) form.append(name, value);
    return form;
  }
  const boundary = essence === "multipart/form-data" ? parameter(type, "boundary") : null;
  if (boundary === null || boundary === "") {
    throw new TypeError(`The content type "${type}" is not a form: multipart/form-data and application/x-www-form-urlencoded are.`);
  }
  return parseMultipart(bytes, boundary);
}
