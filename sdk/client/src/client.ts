// A client of one project: what its parts share.

import { Auth } from "./auth.ts";
import { Documents } from "./documents.ts";
import { Functions } from "./functions.ts";
import { Http, type Transport } from "./http.ts";
import { Realtime } from "./realtime.ts";
import { Session } from "./session.ts";
import { Storage } from "./storage.ts";
import { type TokenStore, memoryStore } from "./token-store.ts";
import type { AnySchema, SchemaLike } from "./types.ts";
import { uploader } from "./upload.ts";
import type { Backoff } from "./waiting.ts";

export interface ClientOptions {
  /** Where the session is kept: with the page unless given, so that it ends with it. */
  tokens?: TokenStore;
  /** The program's own `fetch`. */
  fetch?: Transport;
  /** How what may be sent again is sent again: 4 attempts, after 250 ms at most, then twice as long, 15 s at most. */
  retry?: Partial<Backoff>;
  /** A stream of changes that says nothing for so long is taken for broken: 60 s unless given, milliseconds. */
  silenceMs?: number;
}

export interface Client<Schema extends SchemaLike<Schema> = AnySchema> {
  readonly auth: Auth;
  readonly db: Documents<Schema>;
  readonly storage: Storage;
  readonly functions: Functions;
  readonly realtime: Realtime;
}

const RETRY: Backoff = { attempts: 4, firstMs: 250, mostMs: 15_000 };
const SILENCE_MS = 60_000;

/** A client of the project that answers at that address. Nothing is sent before something is asked. */
export function createClient<Schema extends SchemaLike<Schema> = AnySchema>(url: string | URL, options: ClientOptions = {}): Client<Schema> {
  // Looked up at each call: programs replace the global one, and it must be called as one.
  const { tokens = memoryStore(), fetch: send = (to, init) => fetch(to, init), silenceMs = SILENCE_MS } = options;
  const retry = { ...RETRY, ...options.retry };
  const session = new Session(new Http(url, send, retry), tokens);
  const realtime = new Realtime(session, retry, silenceMs);
  return {
    auth: new Auth(session),
    db: new Documents<Schema>(session, realtime),
    storage: new Storage(session, uploader(session, retry)),
    functions: new Functions(session),
    realtime,
  };
}
