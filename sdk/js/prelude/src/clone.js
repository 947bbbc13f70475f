// structuredClone.

import { Blob } from "./blob.js";

const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
const fail = (what) => {
  throw new DOMException(`${what} could not be cloned.`, "DataCloneError");
};

/** Copies one value; `seen` has the copies of what was met before. */
function copy(value, seen, moved) {
  if (typeof value === "function" || typeof value === "symbol") fail(typeof value === "symbol" ? String(value) : "A function");
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const remember = (made) => {
    seen.set(value, made);
    return made;
  };
  if (value instanceof ArrayBuffer) return remember(moved.has(value) ? value.transfer() : value.slice(0));
  if (ArrayBuffer.isView(value)) return remember(copyView(value, seen, moved));
  if (value instanceof Date) return remember(new Date(value.getTime()));
  if (value instanceof RegExp) return remember(new RegExp(value.source, value.flags));
  if (value instanceof Blob) return remember(value);
  if (value instanceof Boolean || value instanceof Number || value instanceof String) return remember(Object(value.valueOf()));
  if (value instanceof Map) return copyMap(value, remember(new Map()), seen, moved);
  if (value instanceof Set) return copySet(value, remember(new Set()), seen, moved);
  if (value instanceof Error) return copyError(value, remember, seen, moved);
  if (Array.isArray(value)) return copyProperties(value, remember(new Array(value.length)), seen, moved);
  if (!isPlain(value)) fail(`An object of ${value.constructor?.name ?? "an unknown class"}`);
  return copyProperties(value, remember({}), seen, moved);
}

/** Whether an object is cloned by its own properties: promises, weak collections and classes with hidden state are not. */
function isPlain(value) {
  const tag = Object.prototype.toString.call(value);
  return tag === "[object Object]" || tag === "[object Arguments]";
}

function copyView(view, seen, moved) {
  const buffer = copy(view.buffer, seen, moved);
  const length = view instanceof DataView ? view.byteLength : view.length;
  return new view.constructor(buffer, view.byteOffset, length);
}

function copyMap(map, made, seen, moved) {
  for (const [key, item] of [...map]) made.set(copy(key, seen, moved), copy(item, seen, moved));
  return made;
}

function copySet(set, made, seen, moved) {
  for (const item of [...set]) made.add(copy(item, seen, moved));
  return made;
}

function copyError(error, remember, seen, moved) {
  const kind = Object.hasOwn(ERRORS, error.name) ? ERRORS[error.name] : Error;
  const made = remember(Object.create(kind.prototype));
  for (const key of ["message", "stack"]) {
    Object.defineProperty(made, key, { value: String(error[key]), writable: true, configurable: true });
  }
  if ("cause" in error) {
    Object.defineProperty(made, "cause", { value: copy(error.cause, seen, moved), writable: true, configurable: true });
  }
  return made;
}

function copyProperties(value, made, seen, moved) {
  for (const key of Object.keys(value)) {
    Object.defineProperty(made, key, {
      value: copy(value[key], seen, moved), writable: true, enumerable: true, configurable: true,
    });
  }
  return made;
}

export function structuredClone(value, { transfer = [] } = {}) {
  const moved = new Set(transfer);
  for (const item of moved) if (!(item instanceof ArrayBuffer)) fail("A transferred value that is no ArrayBuffer");
  const made = copy(value, new Map(), moved);
  for (const item of moved) if (!item.detached) item.transfer();
  return made;
}
