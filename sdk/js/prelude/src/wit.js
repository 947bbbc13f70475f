// Every function of the host that the prelude calls, and the types of streams and futures.

export { Fields, Request as HostRequest, Response as HostResponse } from "wasi:http/types@0.3.0";
export { send } from "wasi:http/client@0.3.0";
export { now as monotonicNow, waitFor } from "wasi:clocks/monotonic-clock@0.3.0";
export { getRandomBytes } from "wasi:random/random@0.3.0";
export { getEnvironment } from "wasi:cli/environment@0.3.0";
export { log } from "wasi:logging/logging@0.1.0-draft";
export { get as getSecret, names as secretNames } from "ostro:secrets/store@0.1.0";
export { send as sendMessages } from "ostro:queue/producer@0.1.0";
export { open as openBucket } from "wasi:keyvalue/store@0.2.0-draft2";
export { Cas, increment as addTo, swap as swapCas } from "wasi:keyvalue/atomics@0.2.0-draft2";
export { deleteMany, getMany } from "wasi:keyvalue/batch@0.2.0-draft2";
export { about, bindings } from "ostro:functions/context@0.1.0";

const { Stream, Future } = globalThis.wit;

// The world has two types of futures: one that ends a body and may carry trailers, one that says how sending went.
const TRAILERS = Future.types.RESULT_OPTION_OTHER_ERROR_CODE;
const TRANSMISSION = Future.types.RESULT_VOID_ERROR_CODE;
const BYTES = Stream.types.U8;

/** A pair of ends of a byte stream. */
export const byteStream = () => Stream(BYTES);

/** A pair of ends of the future that ends a body. */
export const trailersFuture = () => Future(TRAILERS);

/** A pair of ends of the future that tells a sender how its body was received. */
export const transmissionFuture = () => Future(TRANSMISSION);

/** Gives a handle back to the host; one that is gone already is no fault. An instance may serve many requests. */
export function drop(handle) {
  try {
    handle.drop();
  } catch {
    // The host or the binding has taken it.
  }
}

/** Writes the value of a future and gives its end back. */
export async function settle(writable, value) {
  try {
    await writable.write(value);
  } finally {
    drop(writable);
  }
}

/** What a body ends with that is complete and has no trailers. */
export const DONE = Object.freeze({ tag: "ok", val: null });

/** What a body or an invocation ends with that failed. */
export const failed = (message) => ({ tag: "internal-error", val: message });

/** What a function of the host failed with: the binding throws an Error that carries it, or the value itself. */
export const hostError = (thrown) => thrown?.payload ?? thrown;

/** The error that the host's refusal becomes: its text, and its kind as `code`. */
export function refusal(what, thrown) {
  const error = hostError(thrown);
  if (typeof error?.tag !== "string") return thrown;
  const text = typeof error.val === "string" && error.val !== "" ? error.val : error.tag.replaceAll("-", " ");
  return Object.assign(new Error(`${what}: ${text}`), { code: error.tag });
}

/** The text of an error code of WASI HTTP, such as "HTTP request denied". */
export function errorText(code) {
  if (typeof code?.tag !== "string") return String(code?.message ?? code);
  const words = code.tag.replaceAll("-", " ");
  const detail = typeof code.val === "string" ? code.val : "";
  return detail === "" ? words : code.tag === "internal-error" ? detail : `${words}: ${detail}`;
}
