// Signing in and out, and tokens that are renewed once, whoever asks and however many do.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import type { TokenStore, User } from "../src/index.ts";
import { ANN, type Answer, type Server, jsonOf, refuse, serve, session, until } from "./server.ts";

/** A store that several clients share, as tabs share localStorage; slow, to let races happen. */
function sharedStore(): () => TokenStore {
  let kept: string | null = null;
  const tabs: ((text: string | null) => void)[] = [];
  return () => {
    let own: ((text: string | null) => void) | undefined;
    return {
      load: async () => (await null, kept),
      async save(text) {
        await new Promise((resolve) => setTimeout(resolve, 3));
        kept = text;
        for (const tell of tabs) if (tell !== own) tell(text);
      },
      watch(changed) {
        own = changed;
        tabs.push(changed);
      },
    };
  };
}

/** Takes the tokens of the last renewal alone. */
function account(t: TestContext, { expiresIn = 900, more = {} }: { expiresIn?: number; more?: Record<string, Answer> } = {}): Promise<Server> & { used: string[] } {
  let current = 1;
  const used: string[] = [];
  const server = serve(t, {
    "auth/sign-in": () => session(current, expiresIn),
    "auth/sign-out": (_, response) => void response.writeHead(204).end(),
    async "auth/refresh"({ body }, response) {
      const { refresh_token } = JSON.parse(String(body)) as { refresh_token: string };
      used.push(refresh_token);
      if (refresh_token !== `refresh-${current}`) return refuse(response, 401, "unauthenticated");
      current += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return session(current);
    },
    "db/": ({ headers }, response) => (headers.authorization === `Bearer access-${current}` ? { count: 1 } : refuse(response, 401, "unauthenticated")),
    ...more,
  });
  return Object.assign(server, { used });
}

const CREDENTIALS = { email: "ann@example.com", password: "correct horse" };

test("who signs in is the user of all that follows, until the end", async (t) => {
  const server = await account(t);
  const { auth, db } = server.client();
  const seen: (string | undefined)[] = [];
  auth.onChange((user) => seen.push(user?.id));
  await assert.rejects(db.collection("a").countDocuments(), { code: "unauthenticated" });
  assert.deepEqual(await auth.signIn(CREDENTIALS), ANN);
  assert.deepEqual(jsonOf(server.of("auth/sign-in")[0]), CREDENTIALS);
  assert.equal(await db.collection("a").countDocuments(), 1);
  assert.equal(auth.user?.email, "ann@example.com");
  await auth.signOut();
  assert.deepEqual(jsonOf(server.of("auth/sign-out")[0]), { refresh_token: "refresh-1" });
  assert.equal(auth.user, null);
  assert.equal(await auth.token(), null);
  assert.deepEqual(seen, [undefined, "u1", undefined]);
});

test("a token that has expired is renewed once for all who wait", async (t) => {
  const server = account(t, { expiresIn: 1 });
  const { auth, db } = (await server).client();
  await auth.signIn(CREDENTIALS);
  const counts = await Promise.all(Array.from({ length: 20 }, () => db.collection("a").countDocuments()));
  assert.deepEqual(new Set(counts), new Set([1]));
  assert.deepEqual(server.used, ["refresh-1"]);
});

test("a token that the server no longer takes is renewed, and the request done once", async (t) => {
  const insert: Answer = ({ headers }, response) => (headers.authorization === "Bearer access-2" ? { ids: ["x"] } : refuse(response, 401, "unauthenticated"));
  const server = await account(t, { more: { "db/a/insert": insert } });
  const { auth, db } = server.client();
  await auth.signIn(CREDENTIALS);
  assert.deepEqual(await Promise.all([db.collection("a").insertOne({}), db.collection("a").insertOne({})]), [{ insertedId: "x" }, { insertedId: "x" }]);
  assert.equal(server.of("auth/refresh").length, 1);
  assert.equal(server.of("db/a/insert").length, 4);
});

test("whoever gives up leaves the renewal to the others", async (t) => {
  const server = account(t, { expiresIn: 1 });
  const { auth, db } = (await server).client();
  await auth.signIn(CREDENTIALS);
  const stop = new AbortController();
  const [given, kept] = [db.collection("a").countDocuments({}, { signal: stop.signal }), db.collection("a").countDocuments()];
  setTimeout(() => stop.abort(), 5);
  await assert.rejects(given, { name: "AbortError" });
  assert.equal(await kept, 1);
  assert.deepEqual(server.used, ["refresh-1"]);
});

test("tabs share a session: one renews, the others follow", async (t) => {
  const server = account(t, { expiresIn: 1 });
  const tab = sharedStore();
  const [one, other] = [(await server).client({ tokens: tab() }), (await server).client({ tokens: tab() })];
  await one.auth.signIn(CREDENTIALS);
  await until(() => other.auth.user !== null);
  assert.equal(await one.db.collection("a").countDocuments(), 1);
  assert.equal(await other.db.collection("a").countDocuments(), 1);
  assert.deepEqual(server.used, ["refresh-1"]);
  await one.auth.signOut();
  await until(() => other.auth.user === null);
});

test("tabs that race without locks: the slower one takes what the faster one was given", async (t) => {
  let answered = 0;
  const server = await account(t, {
    expiresIn: 1,
    more: { "auth/refresh": (_, response) => ((answered += 1) === 1 ? session(2) : refuse(response, 409, "refresh_race")), "db/": ({ headers }) => ({ count: headers.authorization }) },
  });
  const tab = sharedStore();
  const [one, other] = [server.client({ tokens: tab() }), server.client({ tokens: tab() })];
  await one.auth.signIn(CREDENTIALS);
  await until(() => other.auth.user !== null);
  const counts = await Promise.all([one.db.collection("a").countDocuments(), other.db.collection("a").countDocuments()]);
  assert.deepEqual(counts, ["Bearer access-2", "Bearer access-2"]);
});

test("a renewal whose answer was lost does not end the session", async (t) => {
  let asked = 0;
  const server = await account(t, {
    expiresIn: 1,
    more: { "auth/refresh": (_, response) => ((asked += 1) === 1 ? refuse(response, 409, "refresh_race") : session(2)), "db/": () => ({ count: 1 }) },
  });
  const { auth, db } = server.client();
  await auth.signIn(CREDENTIALS);
  await assert.rejects(db.collection("a").countDocuments(), { code: "refresh_race" });
  assert.equal(auth.user?.id, "u1");
  assert.equal(await db.collection("a").countDocuments(), 1);
});

test("a refused renewal ends the session, and the request is not sent in nobody's name", async (t) => {
  const server = await account(t, { expiresIn: 1, more: { "auth/refresh": (_, response) => refuse(response, 401, "unauthenticated") } });
  const { auth, db } = server.client();
  await auth.signIn(CREDENTIALS);
  await assert.rejects(db.collection("a").insertOne({}), { code: "unauthenticated" });
  assert.equal(auth.user, null);
  assert.equal(server.of("db/").length, 0);
});

test("a server that is busy does not end the session", async (t) => {
  const server = await account(t, { expiresIn: 1, more: { "auth/refresh": (_, response) => refuse(response, 503, "busy") } });
  const { auth, db } = server.client();
  await auth.signIn(CREDENTIALS);
  await assert.rejects(db.collection("a").countDocuments(), { code: "busy" });
  assert.equal(auth.user?.id, "u1");
});

test("signing out while a renewal is on its way stays signed out", async (t) => {
  const { promise: gone, resolve: go } = withResolvers();
  const server = await account(t, { expiresIn: 1, more: { "auth/refresh": async () => (await gone, session(2)) } });
  const { auth } = server.client();
  await auth.signIn(CREDENTIALS);
  const renewal = auth.refresh();
  await until(() => server.of("auth/refresh").length === 1);
  await auth.signOut();
  go();
  await renewal;
  assert.equal(auth.user, null);
  assert.equal(await auth.token(), null);
});

test("tokens are renewed in the background before they expire", async (t) => {
  const server = account(t, { expiresIn: 0.2 });
  const { auth } = (await server).client();
  await auth.signIn(CREDENTIALS);
  await until(() => server.used.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.match((await auth.token()) ?? "", /^access-[2-9]$/);
});

test("a session that was kept goes on, and what is none is forgotten", async (t) => {
  const server = await account(t);
  const tab = sharedStore();
  await server.client({ tokens: tab() }).auth.signIn(CREDENTIALS);
  const next = server.client({ tokens: tab() });
  const users: (User | null)[] = [];
  next.auth.onChange((user) => users.push(user));
  await next.auth.ready;
  assert.equal(await next.db.collection("a").countDocuments(), 1);
  assert.deepEqual(users, [ANN]);
  for (const text of ["", "{", "[]", '{"refresh":1}']) {
    const { auth } = server.client({ tokens: { load: () => text, save() {} } });
    await auth.ready;
    assert.equal(auth.user, null);
  }
});

test("the other calls say what the contract says", async (t) => {
  const server = await serve(t, {
    "auth/": (_, response) => void response.writeHead(202).end(),
    "auth/sign-up": () => session(1),
    "auth/anonymous": () => session(2, 900, { ...ANN, id: "u2", anonymous: true }),
    "auth/upgrade": () => session(3, 900, { ...ANN, id: "u2" }),
    "auth/sign-in-oidc": () => session(4, 900, { ...ANN, id: "u2" }),
    "auth/password": () => session(5, 900, { ...ANN, id: "u2" }),
    "auth/user": () => ({ user: { ...ANN, id: "u2", roles: ["editor"] } }),
  });
  const { auth } = server.client();
  await auth.signUp(CREDENTIALS);
  assert.equal((await auth.signInAnonymously()).anonymous, true);
  assert.equal((await auth.upgrade(CREDENTIALS)).id, "u2");
  assert.equal(server.of("auth/upgrade")[0]?.headers.authorization, "Bearer access-2");
  assert.equal((await auth.signInWithIdToken({ token: "i", link: true })).id, "u2");
  await auth.changePassword({ old: "a", new: "b" });
  await auth.requestPasswordReset("ann@example.com");
  await auth.resetPassword({ token: "t", password: "p" });
  await auth.verify("v");
  assert.deepEqual((await auth.getUser())?.roles, ["editor"]);
  assert.deepEqual(auth.user?.roles, ["editor"]);
  const said = server.asked.slice(3).map(({ method, path, body, headers }) => [method, path, String(body), headers.authorization]);
  assert.deepEqual(said, [
    ["POST", "auth/sign-in-oidc", '{"token":"i","link":true}', "Bearer access-3"],
    ["POST", "auth/password", '{"old":"a","new":"b"}', "Bearer access-4"],
    ["POST", "auth/reset/request", '{"email":"ann@example.com"}', undefined],
    ["POST", "auth/reset", '{"token":"t","password":"p"}', undefined],
    ["POST", "auth/verify", '{"token":"v"}', undefined],
    ["GET", "auth/user", "", "Bearer access-5"],
  ]);
  // What a function has answered is a session as well.
  assert.equal((await auth.setSession(session(6))).id, ANN.id);
  assert.equal(await auth.token(), "access-6");
});

test("a session that is over keeps nobody from signing in by another issuer", async (t) => {
  const server = await serve(t, {
    "auth/sign-in": () => session(1, 0),
    "auth/sign-in-oidc": ({ headers }, response) => (headers.authorization === undefined ? session(2) : refuse(response, 401, "unauthenticated")),
    "auth/refresh": (_, response) => refuse(response, 401, "unauthenticated"),
  });
  const { auth } = server.client();
  await auth.signIn(CREDENTIALS);
  await auth.signInWithIdToken({ token: "i" });
  assert.equal(await auth.token(), "access-2");
  assert.equal(server.of("auth/sign-in-oidc").length, 1);
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
