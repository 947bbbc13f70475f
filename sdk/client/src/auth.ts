// Accounts: signing up, in and out.

import { type CallOptions, ask, readJson } from "./http.ts";
import { hasCode } from "./problem.ts";
import type { Session, SessionAnswer, User } from "./session.ts";

/** An e-mail address and a password. */
export interface Credentials {
  email: string;
  password: string;
}

/** Accounts of the project: `client.auth`. */
export class Auth {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Who is signed in, as far as is known; null for nobody. After a page load it is known once `ready` has resolved. */
  get user(): User | null {
    return this.#session.user;
  }

  /** Resolves when a session that was kept has been looked for. */
  get ready(): Promise<void> {
    return this.#session.ready;
  }

  /** Calls with the user, or null: once when that is known, then at each change, those of other tabs too. */
  onChange(listener: (user: User | null) => void): () => void {
    let end: (() => void) | undefined = () => {};
    void this.ready.then(() => {
      if (end === undefined) return;
      end = this.#session.onChange(listener);
      listener(this.user);
    });
    return () => {
      end?.();
      end = undefined;
    };
  }

  /** Makes an account and signs in. */
  signUp(credentials: Credentials, options?: CallOptions): Promise<User> {
    return this.#enter("sign-up", credentials, options);
  }

  signIn(credentials: Credentials, options?: CallOptions): Promise<User> {
    return this.#enter("sign-in", credentials, options);
  }

  /** Makes an account without a name; `upgrade` gives it one. */
  signInAnonymously(options?: CallOptions): Promise<User> {
    return this.#enter("anonymous", {}, options);
  }

  /** Signs in by the ID token of another issuer. With `link` the account that is signed in gets that identity. */
  signInWithIdToken(proof: { token: string; link?: boolean }, options?: CallOptions): Promise<User> {
    // A session that is kept and over is in nobody's way.
    return this.#enter("sign-in-oidc", proof, options, proof.link);
  }

  /** Signs in by a session that a function has answered. */
  setSession(session: SessionAnswer): Promise<User> {
    return this.#session.enter(session);
  }

  /** Gives the anonymous account that is signed in an e-mail address and a password. It keeps its id, and so all it owns. */
  upgrade(credentials: Credentials, options?: CallOptions): Promise<User> {
    return this.#enter("upgrade", credentials, options, true);
  }

  /** Ends the session, here at once, and on the server for all who have a copy of its tokens. */
  async signOut({ signal }: CallOptions = {}): Promise<void> {
    const refresh_token = await this.#session.leave();
    if (refresh_token === null) return;
    try {
      await ask(this.#session.http, "auth/sign-out", { refresh_token }, { signal, idempotent: true });
    } catch (error) {
      // It had ended there already.
      if (!hasCode(error, "unauthenticated")) throw error;
    }
  }

  /** The user as the server knows it now; null when nobody is signed in. */
  async getUser({ signal }: CallOptions = {}): Promise<User | null> {
    if ((await this.#session.token({ signal })) === null) return null;
    const call = { path: "auth/user", method: "GET", signal, idempotent: true };
    const { user } = await this.#session.send(call, readJson<{ user: User }>());
    await this.#session.update(user);
    return user;
  }

  /** Ends all other sessions; this client goes on with a new one. */
  changePassword(passwords: { old: string; new: string }, options?: CallOptions): Promise<User> {
    return this.#enter("password", passwords, options, true);
  }

  /** Has a mail with a token sent, if there is such an account: the answer is always the same. */
  async requestPasswordReset(email: string, options?: CallOptions): Promise<void> {
    await this.#post("reset/request", { email }, options);
  }

  /** Sets a password by the token of such a mail. */
  async resetPassword(reset: { token: string; password: string }, options?: CallOptions): Promise<void> {
    await this.#post("reset", reset, options);
  }

  /** Shows by the token of a mail that the address is the user's; `getUser` says so then. */
  async verify(token: string, options?: CallOptions): Promise<void> {
    await this.#post("verify", { token }, options);
  }

  /** The access token, for requests that the program sends itself: `authorization: Bearer …`. null when nobody is signed in. */
  token(options?: CallOptions): Promise<string | null> {
    return this.#session.token(options);
  }

  /** Renews the tokens now, so that new roles hold. */
  refresh(): Promise<void> {
    return this.#session.renew();
  }

  async #enter(path: string, body: object, options?: CallOptions, asUser?: boolean): Promise<User> {
    return this.#session.enter(await this.#post<SessionAnswer>(path, body, options, asUser));
  }

  /** In nobody's name unless it is said. */
  #post<Answer>(path: string, body: object, options?: CallOptions, asUser = false): Promise<Answer> {
    return ask(asUser ? this.#session : this.#session.http, `auth/${path}`, body, options);
  }
}
