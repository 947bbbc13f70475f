// A request by XMLHttpRequest, in the shape of `fetch`: only it says how much of a body has been sent.

import type { Transport } from "./http.ts";

/** A transport that tells how many bytes are on their way; undefined where there is no XMLHttpRequest. */
export function transportWithProgress(sent: (bytes: number) => void): Transport | undefined {
  if (typeof XMLHttpRequest !== "function") return undefined;
  return (url, { method, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open(method ?? "GET", url);
      for (const [name, value] of Object.entries((headers ?? {}) as Record<string, string>)) request.setRequestHeader(name, value);
      const stop = () => request.abort();
      signal?.addEventListener("abort", stop);
      request.upload.onprogress = ({ loaded }) => sent(loaded);
      request.onloadend = () => {
        signal?.removeEventListener("abort", stop);
        // A status of 0 is no answer: there was no network, or it was aborted.
        if (request.status === 0) reject(new TypeError("no answer"));
        else resolve(answer(request));
      };
      if (signal?.aborted) reject(signal.reason);
      else request.send((body ?? null) as XMLHttpRequestBodyInit | null);
    });
}

/** Statuses whose answers have no body; a Response of one must have none. */
const EMPTY = [204, 205, 304];

function answer(request: XMLHttpRequest): Response {
  const { status, responseText } = request;
  const header = (name: string) => request.getResponseHeader(name) ?? "";
  // What is read of an answer; one that is not there is as good as an empty one.
  const headers = { etag: header("etag"), "retry-after": header("retry-after") };
  return new Response(EMPTY.includes(status) ? null : responseText, { status, headers });
}
