// What calls of the host for data fail with, as errors of their own classes.

import { drop, hostError, requireLive } from "./own.js";

/** A class of errors that have a `code`: why, in a word. The bundler shortens the names of classes. */
export const failureClass = (name) =>
  Object.defineProperty(
    class extends Error {
      constructor(message, code, options) {
        super(message, options);
        this.code = code;
      }
      get name() {
        return name;
      }
    },
    "name",
    { value: name },
  );

/** The error of a variant of the host's, `what` being what was tried; anything else is thrown as it is. */
export function failureOf(Failure, what, thrown) {
  const error = hostError(thrown);
  if (typeof error?.tag !== "string") return thrown;
  const text = typeof error.val === "string" && error.val !== "" ? error.val : error.tag.replaceAll("-", " ");
  return new Failure(`${what}: ${text}`, error.tag);
}

/** Opens something of the host's for one act: handles of one invocation are none of the next. */
export function withHandle(Failure, what, open, act) {
  requireLive(what);
  let handle = null;
  try {
    handle = open();
    return act(handle);
  } catch (thrown) {
    throw failureOf(Failure, what, thrown);
  } finally {
    if (handle !== null) drop(handle);
  }
}

/** The options of these names; one that is not known is a slip of the pen. `names` leads from ours to the host's. */
export function optionsOf(what, options, names) {
  const known = {};
  for (const [name, value] of Object.entries(options ?? {})) {
    if (value === undefined || value === null) continue;
    if (!Object.hasOwn(names, name)) throw new TypeError(`${what} has no option "${name}".`);
    known[names[name]] = value;
  }
  return known;
}

/** Whether something is opened as its caller, by `{ as: "caller" }`. What is misspelt would be open to all that the function may. */
export function isAsCaller(what, options) {
  if (options === undefined) return false;
  const [[name, value] = [], ...others] = Object.entries(options);
  if (name === "as" && value === "caller" && others.length === 0) return true;
  throw new TypeError(`${what} is opened with { as: "caller" }, or without options.`);
}
