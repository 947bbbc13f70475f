// On whose behalf a function runs, and the accounts of its project.

import { caller, isAnonymous, roles, user } from "ostro:auth/identity@0.1.0";
import {
  delete as remove, get, list, refresh, setDisabled, setRoles, signIn, signInAnonymous, signInExternal, signOut, signUp,
} from "ostro:auth/users@0.1.0";

import { failureClass, failureOf, optionsOf } from "./failure.js";
import { requireLive, textOf } from "./own.js";

/** Why there is no answer: `code` is `denied`, `invalid`, `not-enabled`, `refused`, `taken`, `busy`, `full` or `unavailable`. */
export const UsersError = failureClass("UsersError");

const idOf = (id) => textOf("The id of an account", id);

/** What the host answers. */
function asked(act) {
  requireLive("Accounts");
  try {
    return act();
  } catch (thrown) {
    throw failureOf(UsersError, "users", thrown);
  }
}

const session = (act) => JSON.parse(asked(act));

/** What the host tells of the caller. */
function told(ask) {
  requireLive("The caller");
  return ask();
}

/** On whose behalf the running invocation acts: `import { identity } from "ostro"`. */
export const identity = {
  /** `user`, `nobody` or `system`. */
  get caller() {
    return told(caller);
  },
  /** The id of the account, or null. */
  get user() {
    return told(user) ?? null;
  },
  get roles() {
    return told(roles);
  },
  /** Whether it is an account that nobody has said who it is of. */
  get isAnonymous() {
    return told(isAnonymous);
  },
};

/** The accounts of the project: `import { users } from "ostro"`. Sessions are as a client takes them: hand them on as they are. */
export const users = {
  /** A session of whoever the function has recognised elsewhere; `link` is the id of an account that gets the identity. */
  async signInExternal(provider, subject, options) {
    const known = optionsOf("signInExternal", options, { link: "link" });
    // Without what was meant to be linked it would be another account.
    if ("link" in Object(options)) known.link = idOf(options.link);
    const [place, name] = [textOf("A provider", provider), textOf("A subject", subject)];
    return session(() => signInExternal(place, name, JSON.stringify(known)));
  },

  async signUp(email, password) {
    const [address, secret] = [textOf("An address", email), textOf("A password", password)];
    return session(() => signUp(address, secret));
  },

  async signIn(email, password) {
    const [address, secret] = [textOf("An address", email), textOf("A password", password)];
    return session(() => signIn(address, secret));
  },

  async signInAnonymous() {
    return session(signInAnonymous);
  },

  /** The session with new tokens. */
  async refresh(refreshToken) {
    const token = textOf("A refresh token", refreshToken);
    return session(() => refresh(token));
  },

  /** An account with its identities and the number of its sessions, or null. */
  async get(id) {
    const name = idOf(id);
    return JSON.parse(asked(() => get(name)) ?? "null");
  },

  /** Accounts, the newest first: `{ users, cursor }`, with a cursor when there may be more. */
  async list(options) {
    const known = optionsOf("list", options, { limit: "limit", cursor: "cursor", email: "email" });
    return JSON.parse(asked(() => list(JSON.stringify(known))));
  },

  /** Sets what an account may do; whether there is such an account. */
  async setRoles(id, all) {
    if (!Array.isArray(all)) throw new TypeError("users: roles are an array of strings.");
    const [name, words] = [idOf(id), all.map((role) => textOf("A role", role))];
    return asked(() => setRoles(name, words));
  },

  /** Sets whether an account may sign in; whether there is such an account. If not, its sessions end. */
  async setDisabled(id, disabled) {
    if (typeof disabled !== "boolean") throw new TypeError("users: disabled is true or false.");
    const name = idOf(id);
    return asked(() => setDisabled(name, disabled));
  },

  /** Ends all sessions of an account; whether there is such an account. */
  async signOut(id) {
    const name = idOf(id);
    return asked(() => signOut(name));
  },

  /** Deletes an account with its sessions; whether there was such an account. */
  async delete(id) {
    const name = idOf(id);
    return asked(() => remove(name));
  },
};
