// Who is signed in: the tokens, kept fresh, and requests that carry them.

import { type Call, type CallOptions, type Http, type Sender, ask } from "./http.ts";
import { tell } from "./listener.ts";
import { OstroError, hasCode, hasStatus } from "./problem.ts";
import type { TokenStore } from "./token-store.ts";
import { sleep, timer, unlessAborted } from "./waiting.ts";

/** An account, as its owner sees it. */
export interface User {
  readonly id: string;
  /** Not there for an anonymous account. */
  readonly email?: string | null;
  readonly verified: boolean;
  readonly anonymous: boolean;
  readonly roles: readonly string[];
  /** When the account was made, ISO 8601. */
  readonly created_at: string;
}

/** What the server answers whoever signs in. */
export interface SessionAnswer {
  user: User;
  access_token: string;
  /** Seconds. */
  expires_in: number;
  refresh_token: string;
}

/** A session as it is kept. */
interface Tokens {
  user: User;
  access: string;
  refresh: string;
  /** By this clock, milliseconds since 1970. */
  renewAt: number;
  expiresAt: number;
}

/** A token is renewed when this part of its life is over. */
const RENEWED_AT = 0.8;
/** An access token that is about to expire is taken for expired, milliseconds: it has to arrive, too. */
const MARGIN_MS = 5_000;
/** How long one attempt to renew may take, milliseconds: other tabs wait for it. */
const RENEWAL_MS = 15_000;
/** After a renewal in the background has failed, milliseconds. */
const NEXT_RENEWAL_MS = 30_000;
/** How long another tab's answer is waited for, milliseconds. */
const RACE_MS = 2_000;
/** A browser's timers hold 31 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The tokens of whoever is signed in, shared with other tabs through the store. */
export class Session implements Sender {
  readonly http: Http;
  readonly #store: TokenStore;
  readonly #listeners = new Set<(user: User | null) => void>();
  #tokens: Tokens | null = null;
  #renewal: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saved: Promise<void> = Promise.resolve();
  /** Rejects never: a store that cannot be read has nobody signed in. */
  readonly ready: Promise<void>;

  constructor(http: Http, store: TokenStore) {
    this.http = http;
    this.#store = store;
    this.ready = this.#load().then((kept) => this.#adopt(kept), () => {});
    store.watch?.((text) => this.#adopt(tokensOf(text)));
  }

  get user(): User | null {
    return this.#tokens?.user ?? null;
  }

  /** Calls when somebody else is signed in, or nobody, or the user has changed; gives what ends that. */
  onChange(listener: (user: User | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A token that is good now, renewed if it has to be; null when nobody is signed in. */
  async token({ signal }: CallOptions = {}): Promise<string | null> {
    await unlessAborted(this.ready, signal);
    if (this.#tokens !== null && this.#tokens.expiresAt - MARGIN_MS <= Date.now()) {
      await unlessAborted(this.renew(), signal);
    }
    return this.#tokens?.access ?? null;
  }

  /** Sends a request in the name of whoever is signed in. A token that the server no longer takes is renewed, once. */
  async send<Result>(call: Call, read: (response: Response) => Result | Promise<Result>): Promise<Result> {
    const token = await this.token(call);
    try {
      return await this.http.send(withToken(call, token), read);
    } catch (error) {
      // Nothing has been done: who may do it is asked first.
      if (token === null || !hasCode(error, "unauthenticated")) throw error;
      if (this.#tokens?.access === token) await unlessAborted(this.renew(), call.signal);
      if (this.#tokens === null) throw error;
      return await this.http.send(withToken(call, this.#tokens.access), read);
    }
  }

  /** Begins a session, or goes on with it under other tokens. */
  async enter({ user, access_token, expires_in, refresh_token }: SessionAnswer): Promise<User> {
    // What was kept must not come after it.
    await this.ready;
    const [now, lifeMs] = [Date.now(), expires_in * 1000];
    const times = { renewAt: now + lifeMs * RENEWED_AT, expiresAt: now + lifeMs };
    await this.#keep({ user, access: access_token, refresh: refresh_token, ...times });
    return user;
  }

  /** Ends the session here. Gives the token it could have been renewed by. */
  async leave(): Promise<string | null> {
    await this.ready;
    const refresh = this.#tokens?.refresh ?? null;
    await this.#keep(null);
    return refresh;
  }

  /** Says of the user what the server says now. */
  async update(user: User): Promise<void> {
    if (this.#tokens?.user.id === user.id) await this.#keep({ ...this.#tokens, user });
  }

  /** Renews the tokens. Whoever asks meanwhile gets the same promise, and other tabs wait for their turn. */
  renew(): Promise<void> {
    const stale = this.#tokens;
    this.#renewal ??= alone(`ostro.renewal ${this.http.root.host}`, () => this.#renew(stale)).finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async #renew(stale: Tokens | null): Promise<void> {
    // Another tab may have done it while this one waited for its turn.
    this.#adopt(await this.#load());
    const tokens = this.#tokens;
    if (tokens === null) throw new OstroError("unauthenticated", "nobody is signed in", { status: 401 });
    if (tokens.refresh !== stale?.refresh) return;
    try {
      // A token that was used a moment ago is answered with `refresh_race` and stays harmless.
      const options = { idempotent: true, signal: AbortSignal.timeout(RENEWAL_MS) };
      const answer = await ask<SessionAnswer>(this.http, "auth/refresh", { refresh_token: tokens.refresh }, options);
      // Who has signed out or in meanwhile has said what they want.
      if (this.#tokens?.refresh === tokens.refresh) await this.enter(answer);
    } catch (error) {
      const isRace = hasCode(error, "refresh_race");
      if (isRace) {
        // Another tab was faster: what it was given comes through the store. If nothing does, the answer was lost on its
        // way, and the token is good again in a while.
        await sleep(RACE_MS);
        this.#adopt(await this.#load());
      }
      if (this.#tokens?.refresh !== tokens.refresh) return;
      if (hasStatus(error, 401)) await this.#keep(null);
      throw error;
    }
  }

  async #load(): Promise<Tokens | null> {
    await this.#saved;
    return tokensOf(await this.#store.load());
  }

  async #keep(tokens: Tokens | null): Promise<void> {
    this.#adopt(tokens);
    // One after the other: a slow store must not end with the older one.
    const save = this.#saved.then(() => this.#store.save(tokens === null ? null : JSON.stringify(tokens)));
    this.#saved = save.catch(() => {});
    await save;
  }

  #adopt(tokens: Tokens | null): void {
    const before = JSON.stringify(this.user);
    this.#tokens = tokens;
    clearTimeout(this.#timer);
    if (tokens !== null) this.#schedule(tokens.renewAt - Date.now());
    if (JSON.stringify(this.user) === before) return;
    for (const listener of [...this.#listeners]) tell(listener, this.user);
  }

  #schedule(ms: number): void {
    const renew = () => this.renew().catch(() => this.#tokens && this.#schedule(NEXT_RENEWAL_MS));
    this.#timer = timer(renew, Math.min(ms, LONGEST_TIMER_MS));
  }
}

const withToken = (call: Call, token: string | null): Call =>
  token === null ? call : { ...call, headers: { ...call.headers, authorization: `Bearer ${token}` } };

/** What was kept, if it is what this version keeps. */
function tokensOf(text: string | null): Tokens | null {
  try {
    const tokens = JSON.parse(text ?? "null") as Tokens | null;
    return typeof tokens?.refresh === "string" && tokens.expiresAt > 0 && tokens.user.id ? tokens : null;
  } catch {
    return null;
  }
}

/** Runs when no tab of the origin runs something of that name; without such locks (Node, plain HTTP) at once. */
function alone<Result>(name: string, act: () => Promise<Result>): Promise<Result> {
  const { locks } = (globalThis.navigator ?? {}) as Partial<Navigator>;
  return locks ? (locks.request(name, act) as Promise<Result>) : act();
}
