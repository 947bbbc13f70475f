// Text of values for the log: objects to a depth, cycles marked, long things cut.

import { Headers } from "./headers.js";
import { URLSearchParams } from "./search-params.js";
import { URL } from "./url.js";

const DEPTH = 4;
const LONGEST_ITEMS = 100;
const LONGEST_TEXT = 10_000;
const LINE_WIDTH = 80;
const PLAIN_IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
// Made when it is needed: it is large.
let identifier = null;

function isIdentifier(name) {
  if (PLAIN_IDENTIFIER.test(name)) return true;
  identifier ??= new RegExp(String.raw`^[\p{L}_$][\p{L}\p{N}_$]*$`, "u");
  return identifier.test(name);
}


const cut = (text) => (text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}… ${text.length - LONGEST_TEXT} more characters` : text);
const quote = (text) => (text.includes("'") ? JSON.stringify(cut(text)) : `'${JSON.stringify(cut(text)).slice(1, -1).replaceAll('\\"', '"')}'`);

function primitive(value) {
  if (typeof value === "string") return quote(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  return String(value);
}

/** One line if it fits, else a line for each item. */
function wrap(prefix, open, items, close, indent) {
  const head = prefix === "" ? "" : `${prefix} `;
  if (items.length === 0) return `${head}${open}${close}`;
  const line = `${head}${open} ${items.join(", ")} ${close}`;
  if (line.length + indent.length <= LINE_WIDTH && !line.includes("\n")) return line;
  return `${head}${open}\n${items.map((item) => `${indent}  ${item}`).join(",\n")}\n${indent}${close}`;
}

const className = (value) => {
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === "string" ? name : "[Object: null prototype]";
};

/** The first items of something, shown, and a word on the rest. */
function some(iterable, size, show) {
  const items = [];
  for (const item of iterable) {
    if (items.length === LONGEST_ITEMS) break;
    items.push(show(item));
  }
  if (size > items.length) items.push(`… ${size - items.length} more`);
  return items;
}

/** Own properties as `key: value`, those of arrays by index left out. */
function properties(value, inner, skip = () => false) {
  const keys = Object.keys(value).filter((key) => !skip(key));
  return some(keys, keys.length, (key) => {
    const name = isIdentifier(key) ? key : quote(key);
    const { get, value: item } = Object.getOwnPropertyDescriptor(value, key) ?? {};
    return `${name}: ${get === undefined ? inner(item) : "[Getter]"}`;
  });
}

function errorText(error, inner) {
  const head = `${error.name}: ${error.message}`;
  const stack = typeof error.stack === "string" ? error.stack : "";
  const text = stack.startsWith(head) ? stack : `${head}${stack === "" ? "" : "\n"}${stack}`;
  const extra = properties(error, inner);
  const cause = error.cause === undefined ? "" : `\n  [cause]: ${inner(error.cause)}`;
  return `${text.trimEnd()}${extra.length > 0 ? ` { ${extra.join(", ")} }` : ""}${cause}`;
}

const isIndex = (key) => /^(0|[1-9][0-9]*)$/.test(key);

function object(value, depth, seen, indent) {
  if (seen.includes(value)) return "[Circular]";
  const name = className(value);
  if (depth === 0) return Array.isArray(value) ? "[Array]" : `[${name}]`;
  const next = `${indent}  `;
  const inner = (item) => show(item, depth - 1, [...seen, value], next);
  if (value instanceof Error) return errorText(value, inner);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof URL) return `URL '${value.href}'`;
  if (value instanceof Promise) return "Promise {}";
  if (Array.isArray(value)) {
    const rest = properties(value, inner, isIndex);
    return wrap("", "[", [...some(value, value.length, inner), ...rest], "]", indent);
  }
  if (value instanceof Map) {
    return wrap(`Map(${value.size})`, "{", some(value, value.size, ([key, item]) => `${inner(key)} => ${inner(item)}`), "}", indent);
  }
  if (value instanceof Set) return wrap(`Set(${value.size})`, "{", some(value, value.size, inner), "}", indent);
  if (value instanceof Headers || value instanceof URLSearchParams) {
    return wrap(name, "{", some(value, 0, ([key, item]) => `${quote(key)} => ${quote(item)}`), "}", indent);
  }
  if (value instanceof ArrayBuffer) return `ArrayBuffer { byteLength: ${value.byteLength} }`;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return wrap(`${name}(${value.length})`, "[", some(value, value.length, inner), "]", indent);
  }
  return wrap(name === "Object" ? "" : name, "{", properties(value, inner), "}", indent);
}

function show(value, depth, seen, indent) {
  if (typeof value === "function") {
    const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "Function";
    return `[${kind}${value.name === "" ? " (anonymous)" : kind === "class" ? ` ${value.name}` : `: ${value.name}`}]`;
  }
  return typeof value === "object" && value !== null ? object(value, depth, seen, indent) : primitive(value);
}

/** A value as text. Never throws, whatever the value's getters and proxies do. */
export function inspect(value, depth = DEPTH) {
  try {
    return show(value, depth, [], "");
  } catch (error) {
    return `[not shown: ${error?.message}]`;
  }
}

const CONVERT = {
  s: (value) => (typeof value === "object" && value !== null ? inspect(value, 1) : String(value)),
  d: (value) => (typeof value === "object" ? "NaN" : String(Number(value))),
  i: (value) => String(Number.parseInt(value, 10)),
  f: (value) => String(Number.parseFloat(value)),
  o: (value) => inspect(value),
  O: (value) => inspect(value),
  j: (value) => JSON.stringify(value),
  c: () => "",
};

/** The text of a console call: strings as they are, the rest inspected, `%s` and its kin filled in. */
export function format(values) {
  let rest = values;
  let text = "";
  if (typeof values[0] === "string") {
    rest = values.slice(1);
    text = values[0];
    if (rest.length > 0 && text.includes("%")) {
      text = text.replace(/%([sdifoOjc%])/g, (match, kind) => {
        if (kind === "%") return "%";
        return rest.length > 0 ? CONVERT[kind](rest.shift()) : match;
      });
    }
  }
  const tail = rest.map((value) => (typeof value === "string" ? value : inspect(value)));
  return typeof values[0] === "string" ? [text, ...tail].join(" ") : tail.join(" ");
}
