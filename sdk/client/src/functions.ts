// Functions of the project, called by name.

import { type CallOptions, ask, pathOf } from "./http.ts";
import type { Session } from "./session.ts";

export interface InvokeOptions extends CallOptions {
  /** Calling it twice is the same as calling it once: it may be called again when nobody knows what became of a call. */
  idempotent?: boolean;
}

/** `client.functions`. */
export class Functions {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Calls a function with JSON and gives its JSON. An answer that is none of success is an OstroError with its `status` and `body`. */
  invoke<Result = unknown>(name: string, data: unknown = null, options?: InvokeOptions): Promise<Result> {
    return ask(this.#session, `functions/${pathOf(name)}`, data, options);
  }
}
