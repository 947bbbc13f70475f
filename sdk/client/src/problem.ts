// What goes wrong, as one class of errors: the server's problem documents (RFC 9457), and what never reached it.

/** Codes that the client itself gives; all others are the server's (docs/errors.md). */
export type ClientCode = "network" | "bad_answer" | "unexpected" | "closed";

/** What is known of a failure beside its code. */
export interface Facts {
  status?: number;
  hint?: string | undefined;
  body?: unknown;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** Why something was not done. Decide by `code`; messages are for people and may change. */
export class OstroError extends Error {
  readonly code: ClientCode | (string & {});
  /** HTTP status, 0 where there was no answer. */
  readonly status: number;
  readonly hint: string | undefined;
  /** The answer's body, parsed where it is JSON. */
  readonly body: unknown;
  /** How long the server asks to wait, milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: OstroError["code"], message: string, { status = 0, hint, body, retryAfterMs, cause }: Facts = {}) {
    super(message, { cause });
    this.name = "OstroError";
    this.code = code;
    this.status = status;
    this.hint = hint;
    this.body = body;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Whether a thrown value is an OstroError with that code. */
export const hasCode = (thrown: unknown, code: string): thrown is OstroError =>
  thrown instanceof OstroError && thrown.code === code;

/** Whether a thrown value is an OstroError with one of these statuses; 0 is that of no answer. */
export const hasStatus = (thrown: unknown, ...statuses: number[]): thrown is OstroError =>
  thrown instanceof OstroError && statuses.includes(thrown.status);

/** The error of an answer that is none of success. Reads its body. */
export async function problemOf(response: Response): Promise<OstroError> {
  const body = parsed(await response.text().catch(() => ""));
  // Seconds; the header may also be a date, which nobody here sends.
  const retryAfterMs = Number(response.headers.get("retry-after")) * 1000;
  return problem(response.status, body, retryAfterMs || undefined);
}

/** The error of a status and a body: a problem document, or the older `{"error": {…}}`. */
export function problem(status: number, body: unknown, retryAfterMs?: number): OstroError {
  const outer = Object(body) as { error?: unknown };
  const { code, detail, title, message, hint } = Object(outer.error ?? outer) as Record<string, unknown>;
  const said = [detail, message, title].find(isText) ?? `the server answered ${status}`;
  const facts = { status, hint: isText(hint) ? hint : undefined, body, retryAfterMs };
  return new OstroError(isText(code) ? code : "unexpected", said, facts);
}

const isText = (value: unknown): value is string => typeof value === "string";

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
