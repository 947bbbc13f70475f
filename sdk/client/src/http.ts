// Requests to `/_ostro/v1/`: one way out for all of them, and what is tried again.

import { OstroError, hasStatus, problemOf } from "./problem.ts";
import { type Backoff, pauseMs, sleep } from "./waiting.ts";

/** What every call that goes to the server may be told. */
export interface CallOptions {
  /** Gives the call up: its promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** A request as the parts of the client say it. */
export interface Call extends CallOptions {
  /** Below `/_ostro/v1/`, percent-encoded. */
  path: string;
  /** `POST` unless given. */
  method?: string;
  /** Something that can be sent twice: no stream. */
  body?: string | Blob | BufferSource;
  headers?: Record<string, string>;
  /** Doing it twice is the same as doing it once, so it may be sent again when nobody knows whether it has arrived. */
  idempotent?: boolean;
  /** What sends it: `fetch` unless given. */
  transport?: Transport | undefined;
}

/** How a request gets to a server: as `fetch` does it. */
export type Transport = (url: string, init: RequestInit) => Promise<Response>;

/** Nobody was there, there was too much to do, or something between here and there failed: it may be better in a moment. */
const PASSING = [0, 408, 429, 502, 503];
/** Who asks for a longer pause than this, milliseconds, is not waited for: the caller is told. */
const LONGEST_WAIT_MS = 30_000;

/** A server, without anybody signed in. */
export class Http implements Sender {
  readonly root: URL;
  readonly #fetch: Transport;
  readonly #backoff: Backoff;

  constructor(url: string | URL, fetch: Transport, backoff: Backoff) {
    this.root = new URL("/_ostro/v1/", url);
    this.#fetch = fetch;
    this.#backoff = backoff;
  }

  /** Sends a request and reads its answer. Throws an OstroError unless the answer is one of success. */
  async send<Result>(call: Call, read: (response: Response) => Result | Promise<Result>): Promise<Result> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.#once(call, read);
      } catch (error) {
        if (!call.idempotent || failures + 1 >= this.#backoff.attempts || !isPassing(error)) throw error;
        await sleep(error.retryAfterMs ?? pauseMs(this.#backoff, failures), call.signal);
      }
    }
  }

  async #once<Result>(call: Call, read: (response: Response) => Result | Promise<Result>): Promise<Result> {
    const { path, method = "POST", body = null, headers = {}, signal = null, transport = this.#fetch } = call;
    try {
      // What identifies the caller is the token alone, never a cookie that the browser adds.
      const init: RequestInit = { method, headers, body: body as BodyInit, signal, credentials: "omit" };
      const response = await transport(new URL(path, this.root).href, init);
      if (!response.ok) throw await problemOf(response);
      return await read(response);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof OstroError) throw error;
      throw new OstroError("network", "the server was not reached", { cause: error });
    }
  }
}

/** Whether a request that failed so may fare better in a moment. */
export const isPassing = (error: unknown): error is OstroError =>
  hasStatus(error, ...PASSING) && (error.retryAfterMs ?? 0) <= LONGEST_WAIT_MS;

/** The parts of a path, each percent-encoded as a whole; `/` within one too. */
export const pathOf = (...parts: string[]) => parts.map(part).join("/");

function part(name: string): string {
  // URLs have no form for these: encoded or not, they lead to another place.
  if (typeof name !== "string" || /^\.{0,2}$/.test(name)) throw new TypeError(`"${name}" is no name.`);
  return encodeURIComponent(name);
}

/** What sends requests: in nobody's name, or in that of whoever is signed in. */
export interface Sender {
  send<Result>(call: Call, read: (response: Response) => Result | Promise<Result>): Promise<Result>;
}

/** The header of a body of JSON. */
export const JSON_TYPE = { "content-type": "application/json" };

/** What an answer's JSON says; null where it is empty. */
export const readJson =
  <Answer>(parse: (text: string) => unknown = JSON.parse) =>
  async (response: Response): Promise<Answer> => {
    const body = await response.text();
    try {
      return (body === "" ? null : parse(body)) as Answer;
    } catch (cause) {
      throw new OstroError("bad_answer", "the answer is not JSON", { status: response.status, body, cause });
    }
  };

/** Sends JSON and reads JSON. */
export const ask = <Answer>(
  sender: Sender,
  path: string,
  content: unknown,
  { signal, idempotent = false }: CallOptions & { idempotent?: boolean } = {},
  parse?: (text: string) => unknown,
): Promise<Answer> =>
  sender.send({ path, body: JSON.stringify(content), headers: JSON_TYPE, signal, idempotent }, readJson<Answer>(parse));
